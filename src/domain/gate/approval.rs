//! A second person's approval of one promotion: what it is bound to, how it is written into a tag, and
//! whether it holds. Signing and checking signatures is done by the runtime.

use ring::digest::{SHA256, digest};

use crate::domain::key::{Key, ModelKey, VersionKey};
use crate::domain::text::Clean;
use crate::domain::time::{Millis, age};

/// The longest tag value that `MLflow` takes for a version, in characters.
pub const LONGEST: usize = 5_000;
/// The namespace of signatures, so that one made for another purpose does not count.
pub const NAMESPACE: &str = "quarterdeck-approval";
/// How far ahead the clock of whoever approved may be, in seconds.
const AHEAD: i64 = 60_000;

/// The tag of the candidate's version that holds an approval for an alias. A later approval for the
/// same alias replaces the earlier one.
pub fn tag(alias: &str) -> String {
    format!("quarterdeck.approval.{alias}")
}

/// The alias whose approval a tag holds; `None` for any other tag.
pub fn alias_of(tag: &str) -> Option<&str> {
    tag.strip_prefix("quarterdeck.approval.")
}

/// What an approval is given for: the SHA-256 of the promotion and of its evidence, in hexadecimal.
#[derive(Clone, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Binding(String);

impl Binding {
    /// The hash in hexadecimal.
    pub fn hex(&self) -> &str {
        &self.0
    }
}

/// The promotion that an approval is for.
#[derive(Clone, Copy, Debug)]
pub struct Promotion<'a> {
    /// The model.
    pub model: &'a ModelKey,
    /// The raw alias.
    pub alias: &'a str,
    /// The version that holds it, if any.
    pub from: Option<&'a Key>,
    /// The version that shall hold it.
    pub to: &'a VersionKey,
    /// When that version was registered: a number can be used again after a deletion.
    pub to_created: Millis,
}

/// Binds a promotion to its evidence: lines of text, in a fixed order. Each part is hashed with its
/// length before it, so that no two lists of parts are the same text.
pub fn bind<'a>(promotion: Promotion<'_>, evidence: impl IntoIterator<Item = &'a str>) -> Binding {
    let mut text = String::from("quarterdeck.approval/1\n");
    let mut put = |part: &str| {
        text.push_str(&part.len().to_string());
        text.push(':');
        text.push_str(part);
        text.push('\n');
    };
    let model = promotion.model;
    put(model.registry.base.raw());
    put(model.registry.workspace.raw());
    put(model.name.raw());
    put(&model.created.0.to_string());
    put(promotion.alias);
    match promotion.from {
        Some(from) => put(&format!("={}", from.raw())),
        None => put("-"),
    }
    put(promotion.to.version.raw());
    put(&promotion.to_created.0.to_string());
    for line in evidence {
        put(line);
    }
    let hash = digest(&SHA256, text.as_bytes());
    let hex = hash.as_ref().iter().map(|b| format!("{b:02x}"));
    Binding(hex.collect::<Vec<_>>().concat())
}

/// An approval as it stands in the tag.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Approval {
    /// The form of this text; 1.
    pub schema: u32,
    /// Who approves. For a signed one: the principal of the allowed-signers file.
    pub by: Clean,
    /// When.
    pub at: Millis,
    /// Until when it counts.
    pub until: Millis,
    /// What it is given for.
    pub binding: Binding,
    /// Why, or under which condition; may be empty.
    #[serde(default, skip_serializing_if = "Clean::is_empty")]
    pub note: Clean,
    /// Who wrote it down, where that is another name than who approves: the account or the user of that
    /// machine. It cannot promote either.
    #[serde(default, skip_serializing_if = "Clean::is_empty")]
    pub writer: Clean,
    /// The signature over [`Approval::message`], as `ssh-keygen -Y sign` writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

/// Why an approval cannot be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unwritable {
    /// It is over [`LONGEST`].
    #[error(
        "the approval is {0} characters long and a tag holds {LONGEST}: shorten the note, or sign with an ed25519 key"
    )]
    TooLong(usize),
    /// Nobody is named.
    #[error("the approval names nobody")]
    Nobody,
    /// It ends before it begins.
    #[error("the approval would have expired when it is given")]
    Expired,
}

impl Approval {
    /// An approval without a signature: a claim.
    pub fn new(by: &Clean, at: Millis, until: Millis, binding: Binding, note: Clean) -> Self {
        Self {
            schema: 1,
            by: by.clone(),
            at,
            until,
            binding,
            note,
            writer: Clean::empty(),
            signature: None,
        }
    }

    /// The text that is signed: everything but the signature.
    pub fn message(&self) -> String {
        let mut text = format!(
            "quarterdeck approval\nbinding {}\nby {}\nat {}\nuntil {}\nnote {}\n",
            self.binding.hex(),
            self.by,
            self.at.0,
            self.until.0,
            self.note
        );
        if !self.writer.is_empty() {
            text.extend(["writer ", self.writer.as_str(), "\n"]);
        }
        text
    }

    /// The tag's value.
    ///
    /// # Errors
    /// When it is too long for a tag, names nobody, or has expired already.
    pub fn write(&self) -> Result<String, Unwritable> {
        if self.by.is_empty() {
            return Err(Unwritable::Nobody);
        }
        if self.until <= self.at {
            return Err(Unwritable::Expired);
        }
        // No part of it can fail to be written as JSON: all are texts and numbers.
        let text = serde_json::to_string(self).unwrap_or_default();
        let length = text.chars().count();
        if length > LONGEST {
            return Err(Unwritable::TooLong(length));
        }
        Ok(text)
    }

    /// Reads a tag's value.
    ///
    /// # Errors
    /// In words, when it is none.
    pub fn read(text: &str) -> Result<Self, Clean> {
        let read: Self = serde_json::from_str(text)
            .map_err(|e| Clean::text(&format!("the approval cannot be read: {e}")))?;
        if read.schema != 1 {
            return Err(Clean::text(&format!(
                "the approval has the form {}, and this program knows 1",
                read.schema
            )));
        }
        Ok(read)
    }
}

/// What is known of an approval's signature.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Signature {
    /// There is one and nobody has checked it yet.
    #[default]
    Unchecked,
    /// Checked: it is by the person that the approval names.
    Valid,
    /// Checked, and it is not, with the reason.
    Invalid(Clean),
    /// It cannot be checked here, with the reason: no allowed-signers file, no `ssh-keygen`.
    Uncheckable(Clean),
}

/// Whether an approval holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Standing {
    /// It holds, and its signature was checked.
    Verified,
    /// It holds, as far as its own word goes; with why it is no more than that.
    Claimed(Clean),
    /// It does not hold, with the reason.
    Void(Clean),
    /// Nobody can tell, with the reason.
    Unknown(Clean),
}

/// What an approval is held against.
#[derive(Clone, Copy, Debug)]
pub struct Against<'a> {
    /// What is to be approved now.
    pub binding: &'a Binding,
    /// Who would promote; `None` where that is not known.
    pub promoter: Option<&'a str>,
    /// What is known of the signature.
    pub signature: &'a Signature,
    /// The present, by the registry's clock.
    pub now: Millis,
}

/// Judges an approval.
pub fn judge(approval: &Approval, against: Against<'_>) -> Standing {
    let void = |text: String| Standing::Void(Clean::text(&text));
    let by = &approval.by;
    if approval.binding != *against.binding {
        return void(format!(
            "{by} approved something else: the version, the alias's holder or the evidence has changed since"
        ));
    }
    if let Signature::Invalid(why) = against.signature
        && approval.signature.is_some()
    {
        return void(format!("the signature is not by {by}: {why}"));
    }
    if approval.at.0 > against.now.0.saturating_add(AHEAD) {
        return void(format!("dated ahead of now: {}", approval.at.rfc3339()));
    }
    if approval.until <= against.now {
        let ago = age(against.now.since(approval.until));
        return void(format!("the approval by {by} expired {ago} ago"));
    }
    let Some(promoter) = against.promoter.filter(|p| !p.trim().is_empty()) else {
        return Standing::Unknown(Clean::text(&format!(
            "approved by {by}, and it is not known who promotes: it has to be another person"
        )));
    };
    if [by, &approval.writer]
        .iter()
        .any(|name| same_person(name.as_str(), promoter))
    {
        return void(format!("{by} promotes and approves: it takes two"));
    }
    match (&approval.signature, against.signature) {
        (None, _) => Standing::Claimed(Clean::text("not signed")),
        (Some(_), Signature::Valid) => Standing::Verified,
        (Some(_), Signature::Unchecked) => {
            Standing::Claimed(Clean::text("the signature is not checked yet"))
        }
        (Some(_), Signature::Uncheckable(why) | Signature::Invalid(why)) => Standing::Claimed(
            Clean::text(&format!("the signature was not checked: {why}")),
        ),
    }
}

/// Whether two words name one person: case and blanks count for nothing, and a name without a host or
/// domain is that of anybody who has it at one. Of two whose hosts differ nobody can tell; they are two.
pub fn same_person(a: &str, b: &str) -> bool {
    let plain = |text: &str| text.trim().to_lowercase();
    let (a, b) = (plain(a), plain(b));
    let local = |text: &str| text.split('@').next().unwrap_or_default().to_owned();
    let bare = |text: &str| !text.contains('@');
    a == b || (!a.is_empty() && (bare(&a) || bare(&b)) && local(&a) == local(&b))
}
