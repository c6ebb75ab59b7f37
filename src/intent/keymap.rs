//! From key presses to commands: a trie for each scope, looked up innermost first.

use std::collections::BTreeMap;

use super::chord::{Chord, sequence_text};
use super::command::{COMMANDS, Command, Scope};
use crate::domain::near::nearest;

/// Every binding, ready for look-up.
#[derive(Clone, Debug)]
pub struct Keymap {
    scopes: BTreeMap<Scope, Node>,
}

#[derive(Clone, Debug, Default)]
struct Node {
    command: Option<Command>,
    next: BTreeMap<Chord, Node>,
}

/// What a sequence of keys means so far.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Lookup {
    /// A command.
    Command(Command),
    /// The beginning of sequences: what may follow, with each outcome.
    Prefix(Vec<(Chord, Option<Command>)>),
    /// Nothing.
    Unbound,
}

impl Default for Keymap {
    fn default() -> Self {
        Self::new(&BTreeMap::new()).unwrap_or_else(|_| Self {
            scopes: BTreeMap::new(),
        })
    }
}

impl Keymap {
    /// Builds the map: the defaults, with the keys of the commands in `set` replaced.
    ///
    /// # Errors
    /// Every mistake at once, each with the command id it is about: unknown ids, keys that are no
    /// keys, keys that two commands of one scope claim, and keys that begin another sequence.
    pub fn new(set: &BTreeMap<String, Vec<String>>) -> Result<Self, Vec<(String, String)>> {
        let mut errors = Vec::new();
        for id in set.keys() {
            if Command::by_id(id).is_none() {
                errors.push((id.clone(), unknown(id)));
            }
        }
        let mut map = Self {
            scopes: BTreeMap::new(),
        };
        for row in COMMANDS {
            let keys: Vec<&str> = match set.get(row.id) {
                Some(own) => own.iter().map(String::as_str).collect(),
                None => row.keys.to_vec(),
            };
            for key in keys {
                let bound = Chord::parse_sequence(key)
                    .and_then(|chords| map.bind(row.scope, &chords, row.command));
                if let Err(why) = bound {
                    errors.push((row.id.to_owned(), why));
                }
            }
        }
        if errors.is_empty() {
            Ok(map)
        } else {
            Err(errors)
        }
    }

    fn bind(&mut self, scope: Scope, chords: &[Chord], command: Command) -> Result<(), String> {
        let text = sequence_text(chords);
        let mut node = self.scopes.entry(scope).or_default();
        for chord in chords {
            if let Some(other) = node.command {
                return Err(format!("`{text}` begins with a key of {other}"));
            }
            node = node.next.entry(*chord).or_default();
        }
        if let Some(other) = node.command {
            return Err(format!("`{text}` is also a key of {other}"));
        }
        if !node.next.is_empty() {
            return Err(format!("`{text}` begins other sequences"));
        }
        node.command = Some(command);
        Ok(())
    }

    /// Looks a sequence up in the scopes, innermost first.
    pub fn look_up(&self, scopes: &[Scope], chords: &[Chord]) -> Lookup {
        let mut follow = BTreeMap::new();
        for scope in scopes {
            let Some(node) = self.scopes.get(scope).and_then(|root| root.walk(chords)) else {
                continue;
            };
            if let Some(command) = node.command
                && follow.is_empty()
            {
                return Lookup::Command(command);
            }
            for (chord, next) in &node.next {
                follow.entry(*chord).or_insert(next.command);
            }
        }
        if follow.is_empty() {
            Lookup::Unbound
        } else {
            Lookup::Prefix(follow.into_iter().collect())
        }
    }

    /// The keys of a command, as written in help; the first is the one the footer shows.
    pub fn keys_of(&self, command: Command) -> Vec<String> {
        let mut found = Vec::new();
        if let Some(root) = self.scopes.get(&command.row().scope) {
            root.collect(command, &mut Vec::new(), &mut found);
        }
        // Plain characters first: they are what hints should show.
        found.sort_by_key(|text| (text.chars().count(), text.clone()));
        found
    }
}

impl Node {
    fn walk(&self, chords: &[Chord]) -> Option<&Self> {
        chords
            .iter()
            .try_fold(self, |node, chord| node.next.get(chord))
    }

    fn collect(&self, command: Command, path: &mut Vec<Chord>, found: &mut Vec<String>) {
        if self.command == Some(command) {
            found.push(sequence_text(path));
        }
        for (chord, next) in &self.next {
            path.push(*chord);
            next.collect(command, path, found);
            path.pop();
        }
    }
}

fn unknown(id: &str) -> String {
    let meant = nearest(id, COMMANDS.iter().map(|row| row.id))
        .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
    let stop = if meant.is_empty() { ";" } else { "" };
    format!("`{id}` is no command{meant}{stop} `quarterdeck keys` lists them")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<Chord> {
        Chord::parse_sequence(text).expect(text)
    }

    const LIST: [Scope; 2] = [Scope::List, Scope::Global];

    #[test]
    fn defaults_have_no_conflicts() {
        assert!(Keymap::new(&BTreeMap::new()).is_ok());
    }

    #[test]
    fn a_prefix_gathers_what_follows_in_every_scope() {
        let map = Keymap::default();
        let Lookup::Prefix(follow) = map.look_up(&LIST, &keys("g")) else {
            panic!("g is a prefix")
        };
        let commands: Vec<_> = follow.into_iter().filter_map(|(_, c)| c).collect();
        assert!(commands.contains(&Command::First) && commands.contains(&Command::GoModel));
        assert_eq!(
            map.look_up(&LIST, &keys("g g")),
            Lookup::Command(Command::First)
        );
        assert_eq!(map.look_up(&LIST, &keys("g x")), Lookup::Unbound);
    }

    #[test]
    fn a_list_key_means_nothing_outside_lists() {
        let map = Keymap::default();
        assert_eq!(map.look_up(&[Scope::Global], &keys("j")), Lookup::Unbound);
        assert_eq!(
            map.look_up(&LIST, &keys("j")),
            Lookup::Command(Command::Down)
        );
    }

    #[test]
    fn own_keys_replace_the_defaults_and_conflicts_are_all_named() {
        let set = |pairs: &[(&str, &str)]| {
            pairs
                .iter()
                .map(|(id, key)| ((*id).to_owned(), vec![(*key).to_owned()]))
                .collect()
        };
        let map = Keymap::new(&set(&[("move.down", "ctrl-n")])).expect("free key");
        assert_eq!(map.keys_of(Command::Down), ["ctrl-n"]);
        let errors = Keymap::new(&set(&[
            ("move.down", "k"),
            ("move.dwon", "j"),
            ("go.open", "entre"),
        ]))
        .expect_err("three mistakes");
        assert_eq!(errors.len(), 3, "{errors:?}");
        assert!(
            errors[0].1.contains("did you mean `move.down`"),
            "{errors:?}"
        );
    }
}
