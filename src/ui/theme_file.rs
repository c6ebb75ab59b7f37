//! Reading a theme's TOML: palette, roles and inheritance, with errors that name file and line.

use std::collections::BTreeMap;
use std::ops::Range;

use ratatui::style::Modifier;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::domain::text::Clean;

use super::color::{ANSI, Ink, Rgb, ansi_named};
use super::theme::{ROLES, Role, Spec, Theme};

/// Why a theme cannot be used, and where.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{place}:{line}: {what}")]
pub struct ThemeError {
    /// The file, or a built-in theme's name.
    pub place: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong and what is expected.
    pub what: String,
}

/// One theme file, before its colours are looked up: inheritance merges files, then resolves, so
/// that a theme which changes a palette entry changes every role that uses it.
#[derive(Default)]
struct Layers {
    name: Option<String>,
    background: Option<Rgb>,
    foreground: Option<Rgb>,
    palette: BTreeMap<String, Ink>,
    roles: BTreeMap<usize, RoleText>,
}

#[derive(Default, Clone)]
struct RoleText {
    fg: Option<ColorText>,
    bg: Option<ColorText>,
    mods: Option<Modifier>,
    mods16: Option<Modifier>,
    mono: Option<Modifier>,
}

/// A colour by name or value, and where it was written.
#[derive(Clone)]
struct ColorText {
    text: String,
    place: String,
    line: usize,
}

struct Reader<'a> {
    place: &'a str,
    text: &'a str,
}

impl Reader<'_> {
    fn line(&self, span: &Range<usize>) -> usize {
        let before = &self.text[..span.start.min(self.text.len())];
        1 + before.matches('\n').count()
    }

    fn fail(&self, span: &Range<usize>, what: impl Into<String>) -> ThemeError {
        // Themes are passed around: what one says is quoted without what a terminal would act on.
        ThemeError {
            place: self.place.to_owned(),
            line: self.line(span),
            what: Clean::text(&what.into()).to_string(),
        }
    }

    fn string<'v>(&self, value: &'v Spanned<DeValue<'_>>) -> Result<&'v str, ThemeError> {
        value.get_ref().as_str().ok_or_else(|| {
            self.fail(
                &value.span(),
                format!("expected a string, found {}", value.get_ref().type_str()),
            )
        })
    }

    fn rgb(&self, value: &Spanned<DeValue<'_>>) -> Result<Rgb, ThemeError> {
        let text = self.string(value)?;
        Rgb::parse(text).ok_or_else(|| {
            self.fail(
                &value.span(),
                format!("`{text}` is not a colour: write `#rrggbb`"),
            )
        })
    }

    fn ink(&self, value: &Spanned<DeValue<'_>>) -> Result<Ink, ThemeError> {
        let Some(table) = value.get_ref().as_table() else {
            return Ok(Ink::nearest(self.rgb(value)?));
        };
        let Some(rgb) = table.get("rgb") else {
            return Err(self.fail(&value.span(), "a palette entry needs `rgb`"));
        };
        let mut ink = Ink::nearest(self.rgb(rgb)?);
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "rgb" => {}
                "x" => {
                    ink.x = value
                        .get_ref()
                        .as_integer()
                        .and_then(|i| i.as_str().parse().ok())
                        .ok_or_else(|| self.fail(&value.span(), "`x` is an index from 0 to 255"))?;
                }
                "ansi" => {
                    let name = self.string(value)?;
                    ink.ansi = match name {
                        "none" => None,
                        name => Some(ansi_named(name).ok_or_else(|| {
                            let names: Vec<_> = ANSI.iter().map(|(n, _)| *n).collect();
                            self.fail(
                                &value.span(),
                                format!("`{name}` is none of: none, {}", names.join(", ")),
                            )
                        })?),
                    };
                }
                other => {
                    return Err(self.fail(
                        &key.span(),
                        format!("unknown key `{other}`: a palette entry has rgb, x, ansi"),
                    ));
                }
            }
        }
        Ok(ink)
    }

    fn mods(&self, value: &Spanned<DeValue<'_>>) -> Result<Modifier, ThemeError> {
        let list = value.get_ref().as_array().ok_or_else(|| {
            self.fail(
                &value.span(),
                "expected a list of modifiers, such as [\"bold\"]",
            )
        })?;
        let mut mods = Modifier::empty();
        for item in list {
            mods |= match self.string(item)? {
                "bold" => Modifier::BOLD,
                "dim" => Modifier::DIM,
                "italic" => Modifier::ITALIC,
                "underline" => Modifier::UNDERLINED,
                "reversed" => Modifier::REVERSED,
                other => {
                    return Err(self.fail(
                        &item.span(),
                        format!("`{other}` is none of: bold, dim, italic, underline, reversed"),
                    ));
                }
            };
        }
        Ok(mods)
    }

    fn color(&self, value: &Spanned<DeValue<'_>>) -> Result<ColorText, ThemeError> {
        Ok(ColorText {
            text: self.string(value)?.to_owned(),
            place: self.place.to_owned(),
            line: self.line(&value.span()),
        })
    }

    fn role(&self, value: &Spanned<DeValue<'_>>) -> Result<RoleText, ThemeError> {
        let mut role = RoleText::default();
        let Some(table) = value.get_ref().as_table() else {
            role.fg = Some(self.color(value)?);
            return Ok(role);
        };
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "fg" => role.fg = Some(self.color(value)?),
                "bg" => role.bg = Some(self.color(value)?),
                "mods" => role.mods = Some(self.mods(value)?),
                "mods16" => role.mods16 = Some(self.mods(value)?),
                "mono" => role.mono = Some(self.mods(value)?),
                other => {
                    return Err(self.fail(
                        &key.span(),
                        format!("unknown key `{other}`: a role has fg, bg, mods, mods16, mono"),
                    ));
                }
            }
        }
        Ok(role)
    }

    fn table<'v, 'i>(
        &self,
        value: &'v Spanned<DeValue<'i>>,
    ) -> Result<&'v DeTable<'i>, ThemeError> {
        value
            .get_ref()
            .as_table()
            .ok_or_else(|| self.fail(&value.span(), "expected a table"))
    }
}

/// Reads `text`, with what it inherits taken from `built_in`.
pub fn parse(
    place: &str,
    text: &str,
    built_in: &dyn Fn(&str) -> Option<&'static str>,
) -> Result<Theme, ThemeError> {
    let mut layers = Layers::default();
    read(place, text, built_in, 0, &mut layers)?;
    resolve(place, layers)
}

/// More than any sensible chain: a theme of one's own, `light`, `dark`, `mono`.
const DEEPEST: usize = 8;

fn read(
    place: &str,
    text: &str,
    built_in: &dyn Fn(&str) -> Option<&'static str>,
    depth: usize,
    into: &mut Layers,
) -> Result<(), ThemeError> {
    let reader = Reader { place, text };
    let document = DeTable::parse(text).map_err(|e| {
        let span = e.span().unwrap_or(0..0);
        reader.fail(&span, e.message())
    })?;
    let document = document.get_ref();
    if let Some(parent) = document.get("inherits") {
        let name = reader.string(parent)?;
        let source = built_in(name).filter(|_| depth < DEEPEST).ok_or_else(|| {
            reader.fail(
                &parent.span(),
                format!(
                    "cannot inherit from `{name}`: it is none of {}",
                    Theme::BUILT_IN.join(", ")
                ),
            )
        })?;
        read(name, source, built_in, depth + 1, into)?;
    }
    for (key, value) in document {
        match key.get_ref().as_ref() {
            "inherits" => {}
            "name" => into.name = Some(reader.string(value)?.to_owned()),
            "background" => into.background = Some(reader.rgb(value)?),
            "foreground" => into.foreground = Some(reader.rgb(value)?),
            "palette" => {
                for (name, value) in reader.table(value)? {
                    let ink = reader.ink(value)?;
                    into.palette.insert(name.get_ref().to_string(), ink);
                }
            }
            "roles" => {
                for (name, value) in reader.table(value)? {
                    let role = Role::named(name.get_ref())
                        .ok_or_else(|| reader.fail(&name.span(), unknown_role(name.get_ref())))?;
                    let new = reader.role(value)?;
                    let old = into.roles.entry(role as usize).or_default();
                    old.fg = new.fg.or(old.fg.take());
                    old.bg = new.bg.or(old.bg.take());
                    old.mods = new.mods.or(old.mods);
                    old.mods16 = new.mods16.or(old.mods16);
                    old.mono = new.mono.or(old.mono);
                }
            }
            other => {
                return Err(reader.fail(
                    &key.span(),
                    format!(
                        "unknown key `{other}`: a theme has name, inherits, background, foreground, [palette], [roles]"
                    ),
                ));
            }
        }
    }
    Ok(())
}

fn unknown_role(name: &str) -> String {
    let near = Role::ALL
        .iter()
        .map(|r| r.name())
        .find(|r| r.starts_with(name) || r.ends_with(&format!(".{name}")));
    match near {
        Some(near) => format!("unknown role `{name}`: did you mean \"{near}\" (in quotes)?"),
        None => format!("unknown role `{name}`"),
    }
}

fn resolve(place: &str, layers: Layers) -> Result<Theme, ThemeError> {
    let look_up = |color: Option<ColorText>| -> Result<Option<Ink>, ThemeError> {
        let Some(color) = color else { return Ok(None) };
        if color.text == "none" {
            return Ok(None);
        }
        layers
            .palette
            .get(&color.text)
            .copied()
            .or_else(|| Rgb::parse(&color.text).map(Ink::nearest))
            .map(Some)
            .ok_or_else(|| ThemeError {
                place: color.place,
                line: color.line,
                what: format!(
                    "`{}` is neither in the palette nor a colour like `#rrggbb`",
                    color.text
                ),
            })
    };
    let mut specs = [Spec::default(); ROLES];
    for (i, role) in layers.roles {
        specs[i] = Spec {
            fg: look_up(role.fg)?,
            bg: look_up(role.bg)?,
            mods: role.mods,
            mods16: role.mods16,
            mono: role.mono,
        };
    }
    Ok(Theme {
        name: layers.name.unwrap_or_else(|| place.to_owned()),
        background: layers.background.unwrap_or(Rgb(0, 0, 0)),
        foreground: layers.foreground.unwrap_or(Rgb(0xd0, 0xd0, 0xd0)),
        specs,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_palette_entry_reaches_inherited_roles() {
        let text = "inherits = \"dark\"\n[palette]\nvermilion = \"#ff0000\"\n";
        let theme = Theme::parse("mine.toml", text).unwrap();
        assert_eq!(theme.spec(Role::Crit).fg.unwrap().rgb, Rgb(255, 0, 0));
        assert_eq!(theme.spec(Role::Threshold).fg.unwrap().rgb, Rgb(255, 0, 0));
        assert!(
            theme
                .spec(Role::Crit)
                .mods
                .unwrap()
                .contains(Modifier::BOLD)
        );
    }

    #[test]
    fn mistakes_name_file_line_and_remedy() {
        for (text, want) in [
            (
                "[roles]\n\"level.crit\" = \"rde\"\n",
                "t.toml:2: `rde` is neither in the palette nor a colour like `#rrggbb`",
            ),
            (
                "[roles]\n\n\"crit\" = \"#ff0000\"\n",
                "t.toml:3: unknown role `crit`: did you mean \"level.crit\" (in quotes)?",
            ),
            (
                "[palette]\nred = { x = 3 }\n",
                "t.toml:2: a palette entry needs `rgb`",
            ),
            (
                "[palette]\nred = { rgb = \"#ff0000\", x = 300 }\n",
                "t.toml:2: `x` is an index from 0 to 255",
            ),
            (
                "inherits = \"solar\"\n",
                "t.toml:1: cannot inherit from `solar`: it is none of dark, light, mono",
            ),
            (
                "[roles]\n\"text\" = { mods = [\"blink\"] }\n",
                "t.toml:2: `blink` is none of: bold, dim, italic, underline, reversed",
            ),
            (
                "colour = 1\n",
                "t.toml:1: unknown key `colour`: a theme has name, inherits, background, foreground, [palette], [roles]",
            ),
        ] {
            assert_eq!(Theme::parse("t.toml", text).unwrap_err().to_string(), want);
        }
        let syntax = Theme::parse("t.toml", "name = \"a\"\n[roles\n").unwrap_err();
        assert_eq!(syntax.line, 2);
    }
}
