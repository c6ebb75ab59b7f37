//! Journal: what was written from this machine, what nobody has seen the end of first, then newest first;
//! from here to the page of one write.

mod view;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::list::{self, List, Listing, Made};
use super::{Ask, Cx, Pane, Place, Thing};
use crate::domain::action::verbs::undo;
use crate::domain::action::{PlanId, Wish, Written};
use crate::domain::fleet::standing::{Phase, Standing};
use crate::domain::text::Clean;
use crate::domain::time::age;
use crate::intent::command::{Command, Scope};
use crate::intent::filter::Searchable;
use crate::ui::hits::Hits;
use crate::ui::look::Look;

/// A write as a row: what it is, and how it stood when the rows were made.
#[derive(Clone, Debug)]
struct Entry {
    written: Written,
    standing: Standing,
}

/// The pane's state: the writes that pass the filter, and the cursor.
#[derive(Debug, Default)]
pub struct Journal {
    list: List<Entry>,
    /// Whether the writes of other contexts are shown too.
    everywhere: bool,
    /// How many writes other contexts have.
    elsewhere: usize,
    made: Made,
    /// What was known of the writes themselves then.
    records: Option<u64>,
}

impl Journal {
    /// The pane before its first frame.
    pub fn new() -> Self {
        Self::default()
    }

    fn current(&self) -> Option<&Written> {
        self.list.current().map(|entry| &entry.written)
    }
}

/// What a write is called in rows and pages: until when it can be taken back, or why not.
pub(super) fn undoable(written: &Written, cx: &Cx<'_>) -> String {
    match undo::until(written, cx.now.wall) {
        Ok(until) => format!("until {}", until.day_minute()),
        Err(why) => why.to_string(),
    }
}

/// Why a write cannot be taken back from here now; `None` if it can. What the mode says is the root's.
pub(super) fn not_undone(written: &Written, cx: &Cx<'_>) -> Option<Clean> {
    if let Some(why) = not_of_here(written, cx) {
        return Some(why);
    }
    undo::until(written, cx.now.wall).err()
}

/// Why it cannot be looked up now what became of a write; `None` if it can.
pub(super) fn not_checked(written: &Written, cx: &Cx<'_>) -> Option<Clean> {
    if let Some(why) = not_of_here(written, cx) {
        return Some(why);
    }
    let why = if cx.writes.is_on_its_way(written) {
        "it is on its way: F follows it"
    } else if written.seen_to.is_some() {
        "it was closed, and looking cannot tell more"
    } else if !written.is_open() {
        "its outcome is known"
    } else {
        return None;
    };
    Some(Clean::name(why))
}

fn not_of_here(written: &Written, cx: &Cx<'_>) -> Option<Clean> {
    let context = &written.plan.context;
    (*context != cx.fleet.context().name).then(|| {
        let why = format!("it was written in the context {context}: c enters it");
        Clean::text(&why)
    })
}

/// The wish that takes a write back.
pub(super) fn undo_wish(id: &PlanId) -> Ask {
    Ask::Wish(Box::new(Wish::Undo(Some(id.clone()))))
}

/// Every cell of a write as text, in the order of [`view::TITLES`].
fn cells(entry: &Entry, cx: &Cx<'_>) -> [String; 10] {
    let Entry { written, standing } = entry;
    let plan = &written.plan;
    let or_none = |text: &Clean| {
        if text.is_empty() {
            "–".to_owned()
        } else {
            text.to_string()
        }
    };
    [
        written.began.rfc3339(),
        age(cx.now.wall.since(written.began)),
        plan.verb.title().to_lowercase(),
        plan.subject.to_string(),
        plan.summary.to_string(),
        standing.words.to_string(),
        written.actor.name().to_string(),
        or_none(&written.reason),
        undoable(written, cx),
        plan.context.to_string(),
    ]
}

/// A write as the filter sees it.
struct Searched<'a> {
    entry: &'a Entry,
    cx: &'a Cx<'a>,
}

impl Searchable for Searched<'_> {
    fn any_text(&self, each: &mut dyn FnMut(&str) -> bool) -> bool {
        let written = &self.entry.written;
        cells(self.entry, self.cx).iter().any(|cell| each(cell)) || each(written.plan.id.as_str())
    }

    fn text_of(&self, column: &str) -> Option<String> {
        let [
            time,
            _,
            verb,
            subject,
            change,
            outcome,
            who,
            why,
            _,
            context,
        ] = cells(self.entry, self.cx);
        Some(match column {
            "time" => time,
            "verb" => verb,
            "of" | "model" => subject,
            "change" => change,
            "outcome" => outcome,
            "who" => who,
            "why" => why,
            "context" => context,
            "is" if self.entry.standing.phase == Phase::Unknown => "open".to_owned(),
            _ => return None,
        })
    }

    fn number_of(&self, column: &str) -> Option<f64> {
        let age = self.cx.now.wall.since(self.entry.written.began);
        (column == "age").then(|| age.as_secs_f64() / 86_400.0)
    }
}

impl Pane for Journal {
    fn place(&self) -> Place {
        Place::Journal
    }

    fn title(&self, _cx: &Cx<'_>) -> Clean {
        Clean::name("Journal")
    }

    fn scopes(&self) -> &'static [Scope] {
        &[Scope::Journal, Scope::List]
    }

    fn list(&mut self) -> Option<&mut dyn Listing> {
        Some(&mut self.list)
    }

    fn refresh(&mut self, cx: &Cx<'_>) {
        // Facts tell how writes have come along; either count only rises. What is new of a write itself
        // waits for nothing.
        let records = cx.writes.revision();
        let judged = cx.writes.iter().take(list::FEW).count();
        let due = self.records != Some(records) || self.made.rested(judged, cx.now.mono);
        if due && self.list.follows(cx.fleet.revision().wrapping_add(records)) {
            self.reindex(cx);
            self.made.again(cx.now.mono);
            self.records = Some(records);
        }
    }

    fn reindex(&mut self, cx: &Cx<'_>) {
        let here = &cx.fleet.context().name;
        let is_here = |written: &&Written| written.plan.context == *here;
        self.elsewhere = cx.writes.iter().filter(|w| !is_here(w)).count();
        let shown = cx.writes.iter().rev();
        let shown = shown.filter(|written| self.everywhere || is_here(written));
        let mut rows: Vec<Entry> = shown
            .map(|written| Entry {
                written: written.clone(),
                standing: cx.fleet.write_standing(written, cx.writes, cx.now.wall),
            })
            .collect();
        let all = rows.len();
        rows.retain(|entry| self.list.filter.keeps(&Searched { entry, cx }));
        // What nobody has seen the end of comes first; the sort keeps the order of time.
        rows.sort_by_key(|entry| entry.standing.phase != Phase::Unknown);
        let same = |a: &Entry, b: &Entry| a.written.plan.id == b.written.plan.id;
        self.list.set(rows, all, same);
        if !self.list.chosen {
            self.list.table.home(self.list.rows.len());
        }
    }

    fn update(&mut self, command: Command, cx: &Cx<'_>) -> Option<Vec<Ask>> {
        match command {
            Command::Open => {
                self.list.chosen = true;
                let id = self.current()?.plan.id.clone();
                Some(vec![Ask::Open(Place::Write(id))])
            }
            Command::Undo => Some(vec![undo_wish(&self.current()?.plan.id)]),
            Command::Check => Some(vec![Ask::LookUp(Box::new(self.current()?.clone()))]),
            Command::AllContexts => {
                self.everywhere = !self.everywhere;
                self.reindex(cx);
                Some(Vec::new())
            }
            _ => {
                let hint = "words, !word, is:open, verb:promote, of:churn, who:ana, age<7";
                list::command(self, command, hint, cx)
            }
        }
    }

    fn disabled(&self, command: Command, cx: &Cx<'_>) -> Option<Clean> {
        let current = self.current();
        match (command, current) {
            (
                Command::Open | Command::Menu | Command::CopyRow | Command::Undo | Command::Check,
                None,
            ) => Some(Clean::name("no write is selected")),
            (Command::Undo, Some(written)) => not_undone(written, cx),
            (Command::Check, Some(written)) => not_checked(written, cx),
            (Command::Sort, _) => Some(Clean::name("open writes come first, then the newest")),
            _ => None,
        }
    }

    fn selected(&self, _cx: &Cx<'_>) -> Option<Thing> {
        let model = self.current()?.plan.model.clone();
        model.map(Thing::Model)
    }

    fn moment(&self, _cx: &Cx<'_>) -> Option<crate::domain::time::Millis> {
        Some(self.current()?.began)
    }

    fn hints(&self) -> &'static [Command] {
        &[
            Command::Open,
            Command::Undo,
            Command::Check,
            Command::AllContexts,
            Command::Filter,
            Command::GoModel,
        ]
    }

    fn row_text(&self, cx: &Cx<'_>) -> Option<Clean> {
        let entry = self.list.current()?;
        Some(Clean::text(&cells(entry, cx).join("  ")))
    }

    fn markdown(&self, cx: &Cx<'_>) -> (Vec<String>, Vec<Vec<String>>) {
        let titles = view::TITLES.iter().map(|t| (*t).to_owned()).collect();
        let rows = self.list.rows.iter();
        (titles, rows.map(|e| cells(e, cx).to_vec()).collect())
    }

    fn view(&self, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) -> Hits {
        view::draw(self, cx, look, area, buf)
    }
}
