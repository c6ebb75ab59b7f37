//! A compact form for values that are written whole and read whole: every distinct string once, numbers
//! as short as they are. It keeps NaN, which JSON cannot, and a value read back shares its strings.
//! What is packed is a cache: a form that does not fit any more is thrown away, not migrated.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::key::{Key, RegistryKey, SourceId};
use crate::domain::text::Clean;
use crate::domain::time::Millis;

/// The bytes end early, or say something that no value of this type says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the packed bytes are torn")]
pub(super) struct Torn;

/// A value that can be packed.
pub(super) trait Pack: Sized {
    /// Appends the value.
    fn pack<'a>(&'a self, packer: &mut Packer<'a>);
    /// Reads the value back.
    fn unpack(from: &mut Unpacker<'_>) -> Result<Self, Torn>;
}

/// Packs values one after another.
#[derive(Default)]
pub(super) struct Packer<'a> {
    numbers: HashMap<&'a str, u64>,
    strings: Vec<&'a str>,
    body: Vec<u8>,
}

impl<'a> Packer<'a> {
    /// Appends a number, seven bits a byte.
    pub(super) fn number(&mut self, value: u64) {
        push_number(&mut self.body, value);
    }

    /// Appends a string by its number.
    pub(super) fn string(&mut self, text: &'a str) {
        let next = self.strings.len() as u64;
        let number = *self.numbers.entry(text).or_insert(next);
        if number == next {
            self.strings.push(text);
        }
        self.number(number);
    }

    /// Appends a list.
    pub(super) fn list<T: Pack + 'a>(&mut self, items: impl ExactSizeIterator<Item = &'a T>) {
        self.number(items.len() as u64);
        for item in items {
            item.pack(self);
        }
    }

    /// The packed bytes: the strings, then the values.
    pub(super) fn finish(self) -> Vec<u8> {
        let text: usize = self.strings.iter().map(|s| s.len() + 2).sum();
        let mut out = Vec::with_capacity(text + self.body.len() + 10);
        push_number(&mut out, self.strings.len() as u64);
        for string in &self.strings {
            push_number(&mut out, string.len() as u64);
            out.extend_from_slice(string.as_bytes());
        }
        out.extend_from_slice(&self.body);
        out
    }
}

fn push_number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Reads packed values one after another.
pub(super) struct Unpacker<'b> {
    rest: &'b [u8],
    strings: Vec<Text<'b>>,
    registries: Vec<Arc<RegistryKey>>,
}

/// A string and the shared forms made of it so far.
struct Text<'b> {
    raw: &'b str,
    clean: Option<Clean>,
    key: Option<Key>,
    source: Option<SourceId>,
}

impl<'b> Unpacker<'b> {
    /// Reads the strings.
    pub(super) fn new(bytes: &'b [u8]) -> Result<Self, Torn> {
        let mut reader = Self {
            rest: bytes,
            strings: Vec::new(),
            registries: Vec::new(),
        };
        for _ in 0..reader.length()? {
            let length = reader.length()?;
            let raw = std::str::from_utf8(reader.bytes(length)?).map_err(|_| Torn)?;
            reader.strings.push(Text {
                raw,
                clean: None,
                key: None,
                source: None,
            });
        }
        Ok(reader)
    }

    /// Whether everything was read.
    pub(super) fn done(&self) -> bool {
        self.rest.is_empty()
    }

    /// Reads a number.
    pub(super) fn number(&mut self) -> Result<u64, Torn> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = *self.bytes(1)?.first().ok_or(Torn)?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Torn)
    }

    /// Reads a count of things that take at least a byte each, so that torn bytes ask for no memory.
    fn length(&mut self) -> Result<usize, Torn> {
        let length = usize::try_from(self.number()?).map_err(|_| Torn)?;
        if length > self.rest.len() {
            return Err(Torn);
        }
        Ok(length)
    }

    fn bytes(&mut self, count: usize) -> Result<&'b [u8], Torn> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Torn)?;
        self.rest = rest;
        Ok(taken)
    }

    fn text(&mut self) -> Result<&mut Text<'b>, Torn> {
        let at = usize::try_from(self.number()?).map_err(|_| Torn)?;
        self.strings.get_mut(at).ok_or(Torn)
    }

    /// Reads a list.
    pub(super) fn list<T: Pack>(&mut self) -> Result<Vec<T>, Torn> {
        (0..self.length()?).map(|_| T::unpack(self)).collect()
    }
}

impl Pack for u64 {
    fn pack<'a>(&'a self, packer: &mut Packer<'a>) {
        packer.number(*self);
    }
    fn unpack(from: &mut Unpacker<'_>) -> Result<Self, Torn> {
        from.number()
    }
}

impl Pack for u32 {
    fn pack<'a>(&'a self, packer: &mut Packer<'a>) {
        packer.number(u64::from(*self));
    }
    fn unpack(from: &mut Unpacker<'_>) -> Result<Self, Torn> {
        Self::try_from(from.number()?).map_err(|_| Torn)
    }
}

/// Small numbers of either sign stay short.
impl Pack for i64 {
    fn pack<'a>(&'a self, packer: &mut Packer<'a>) {
        packer.number(((*self << 1) ^ (*self >> 63)) as u64);
    }
    fn unpack(from: &mut Unpacker<'_>) -> Result<Self, Torn> {
        let folded = from.number()?;
        Ok((folded >> 1) as i64 ^ -((folded & 1) as i64))
    }
}

impl Pack for bool {
    fn pack<'a>(&'a self, packer: &mut Packer<'a>) {
        packer.number(u64::from(*self));
    }
    fn unpack(from: &mut Unpacker<'_>) -> Result<Self, Torn> {
        match from.number()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Torn),
        }
    }
}

/// Bit for bit: NaN and infinities stay what they are.
impl Pack for f64 {
    fn pack<'a>(&'a self, packer: &mut Packer<'a>) {
        packer.body.extend_from_slice(&self.to_le_bytes());
    }
    fn unpack(from: &mut Unpacker<'_>) -> Result<Self, Torn> {
        let bytes = from.bytes(8)?.try_into().map_err(|_| Torn)?;
        Ok(Self::from_le_bytes(bytes))
    }
}

impl Pack for f32 {
    fn pack<'a>(&'a self, packer: &mut Packer<'a>) {
        packer.body.extend_from_slice(&self.to_le_bytes());
    }
    fn unpack(from: &mut Unpacker<'_>) -> Result<Self, Torn> {
        let bytes = from.bytes(4)?.try_into().map_err(|_| Torn)?;
        Ok(Self::from_le_bytes(bytes))
    }
}

impl Pack for Millis {
    fn pack<'a>(&'a self, packer: &mut Packer<'a>) {
        self.0.pack(packer);
    }
    fn unpack(from: &mut Unpacker<'_>) -> Result<Self, Torn> {
        i64::unpack(from).map(Self)
    }
}

impl Pack for Duration {
    fn pack<'a>(&'a self, packer: &mut Packer<'a>) {
        packer.number(u64::try_from(self.as_nanos()).unwrap_or(u64::MAX));
    }
    fn unpack(from: &mut Unpacker<'_>) -> Result<Self, Torn> {
        from.number().map(Self::from_nanos)
    }
}

/// Cleaned again on the way back: a stored file is as little trusted as a server.
impl Pack for Clean {
    fn pack<'a>(&'a self, packer: &mut Packer<'a>) {
        packer.string(self.as_str());
    }
    fn unpack(from: &mut Unpacker<'_>) -> Result<Self, Torn> {
        let text = from.text()?;
        Ok(text
            .clean
            .get_or_insert_with(|| Self::text(text.raw))
            .clone())
    }
}

impl Pack for Key {
    fn pack<'a>(&'a self, packer: &mut Packer<'a>) {
        packer.string(self.raw());
    }
    fn unpack(from: &mut Unpacker<'_>) -> Result<Self, Torn> {
        let text = from.text()?;
        Ok(text.key.get_or_insert_with(|| Self::new(text.raw)).clone())
    }
}

impl Pack for SourceId {
    fn pack<'a>(&'a self, packer: &mut Packer<'a>) {
        packer.string(self.as_str());
    }
    fn unpack(from: &mut Unpacker<'_>) -> Result<Self, Torn> {
        let text = from.text()?;
        Ok(text
            .source
            .get_or_insert_with(|| Self::new(text.raw))
            .clone())
    }
}

/// A fleet has few registries and names them in every key: each is made once.
impl Pack for Arc<RegistryKey> {
    fn pack<'a>(&'a self, packer: &mut Packer<'a>) {
        self.base.pack(packer);
        self.workspace.pack(packer);
    }
    fn unpack(from: &mut Unpacker<'_>) -> Result<Self, Torn> {
        let registry = RegistryKey {
            base: Key::unpack(from)?,
            workspace: Key::unpack(from)?,
        };
        if let Some(known) = from.registries.iter().find(|known| ***known == registry) {
            return Ok(Self::clone(known));
        }
        from.registries.push(Self::new(registry));
        from.registries.last().cloned().ok_or(Torn)
    }
}

impl<T: Pack> Pack for Option<T> {
    fn pack<'a>(&'a self, packer: &mut Packer<'a>) {
        packer.number(u64::from(self.is_some()));
        if let Some(value) = self {
            value.pack(packer);
        }
    }
    fn unpack(from: &mut Unpacker<'_>) -> Result<Self, Torn> {
        Ok(if bool::unpack(from)? {
            Some(T::unpack(from)?)
        } else {
            None
        })
    }
}

impl<T: Pack> Pack for Vec<T> {
    fn pack<'a>(&'a self, packer: &mut Packer<'a>) {
        packer.list(self.iter());
    }
    fn unpack(from: &mut Unpacker<'_>) -> Result<Self, Torn> {
        from.list()
    }
}

impl<T: Pack> Pack for Arc<[T]> {
    fn pack<'a>(&'a self, packer: &mut Packer<'a>) {
        packer.list(self.iter());
    }
    fn unpack(from: &mut Unpacker<'_>) -> Result<Self, Torn> {
        from.list().map(Self::from)
    }
}

impl<A: Pack, B: Pack> Pack for (A, B) {
    fn pack<'a>(&'a self, packer: &mut Packer<'a>) {
        self.0.pack(packer);
        self.1.pack(packer);
    }
    fn unpack(from: &mut Unpacker<'_>) -> Result<Self, Torn> {
        Ok((A::unpack(from)?, B::unpack(from)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn packed<T: Pack>(value: &T) -> Vec<u8> {
        let mut packer = Packer::default();
        value.pack(&mut packer);
        packer.finish()
    }

    fn unpacked<T: Pack>(bytes: &[u8]) -> Result<T, Torn> {
        let mut from = Unpacker::new(bytes)?;
        let value = T::unpack(&mut from)?;
        if from.done() { Ok(value) } else { Err(Torn) }
    }

    #[test]
    fn not_a_number_stays_not_a_number() {
        let back: f64 = unpacked(&packed(&f64::NAN)).expect("a number");
        assert!(back.is_nan());
        assert_eq!(unpacked(&packed(&f64::NEG_INFINITY)), Ok(f64::NEG_INFINITY));
    }

    #[test]
    fn equal_strings_are_written_once_and_shared_when_read() {
        let twice = vec![Clean::name("champion"); 100];
        let bytes = packed(&twice);
        assert!(bytes.len() < 120, "{}", bytes.len());
        let back: Vec<Clean> = unpacked(&bytes).expect("the names");
        assert!(back[0].is_same(&back[99]));
    }

    #[test]
    fn a_stored_escape_sequence_is_cleaned_again() {
        let mut bytes = packed(&Clean::name("xxxxxred"));
        let at = bytes
            .windows(5)
            .position(|w| w == b"xxxxx")
            .expect("the name");
        bytes[at..at + 5].copy_from_slice(b"\x1b[31m");
        assert_eq!(unpacked(&bytes), Ok(Clean::name("red")));
    }

    #[test]
    fn a_length_larger_than_the_bytes_asks_for_no_memory() {
        let mut bytes = vec![0];
        push_number(&mut bytes, u64::MAX);
        assert_eq!(unpacked::<Vec<u64>>(&bytes), Err(Torn));
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_back(
            rows in prop::collection::vec((any::<i64>(), "\\PC*", any::<Option<bool>>()), 0..20)
        ) {
            let rows: Vec<_> = rows
                .into_iter()
                .map(|(n, text, flag)| ((n, Key::new(&text)), (Clean::text(&text), flag)))
                .collect();
            prop_assert_eq!(unpacked(&packed(&rows)), Ok(rows));
        }

        #[test]
        fn torn_bytes_are_an_error_and_never_a_panic(
            text in "[a-z]{0,9}", cut in 0..100_usize, noise in prop::collection::vec(any::<u8>(), 0..60)
        ) {
            let bytes = packed(&vec![(Clean::name(&text), 7_i64); 9]);
            let cut = cut % bytes.len();
            prop_assert_eq!(unpacked::<Vec<(Clean, i64)>>(&bytes[..cut]), Err(Torn));
            let _ = unpacked::<Vec<(Clean, i64)>>(&noise);
        }
    }
}
