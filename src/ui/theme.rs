//! Roles and themes: which style each kind of text takes, at each colour depth. Reading a theme's
//! text is [`super::theme_file`]; reading files from disk is not done here.

use ratatui::style::{Color, Modifier, Style};

use super::color::{Ink, Rgb};
use super::theme_file::{self, ThemeError};

/// How many colours the terminal shows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Depth {
    /// None: weight, underline and reverse only.
    Mono,
    /// The sixteen that the terminal's own palette names.
    Ansi16,
    /// The fixed palette of 256.
    Ansi256,
    /// 24 bits.
    #[default]
    True,
}

macro_rules! roles {
    ($($variant:ident = $name:literal, $doc:literal;)*) => {
        /// What a piece of the screen is, which decides how it looks.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Role { $(#[doc = $doc] $variant,)* }

        impl Role {
            /// Every role, in the order of themes and documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The role's name in a theme file.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What the role is for, in a few words.
            pub fn doc(self) -> &'static str {
                match self { $(Self::$variant => $doc,)* }
            }
        }
    };
}

roles! {
    Text = "text", "Plain text: most of every screen.";
    Dim = "text.dim", "Text that may be skipped: units, sources, absent values.";
    Strong = "text.strong", "Text that must be read first.";
    Accent = "accent", "The one colour that means neither level nor selection.";
    Ok = "level.ok", "Level ok, where it is shown at all.";
    Info = "level.info", "Level info.";
    Warn = "level.warn", "Level warn.";
    Unknown = "level.unknown", "Level unknown.";
    Crit = "level.crit", "Level crit.";
    Live = "fresh.live", "A fact read within its cadence.";
    Stale = "fresh.stale", "A fact older than its cadence allows.";
    Down = "fresh.down", "A source that does not answer.";
    Selected = "row.selected", "The row under the cursor, over the styles of its cells.";
    Marked = "row.marked", "The glyph of a marked row.";
    CellSelected = "cell.selected", "The cell under the column cursor.";
    Header = "header", "Column titles.";
    Sorted = "header.sorted", "The title of the column that sorts.";
    Brand = "brand", "The product's name.";
    Tab = "tab", "A pane that is not open.";
    TabCurrent = "tab.current", "The open pane.";
    PillContext = "pill.context", "The context's name.";
    PillProtected = "pill.protected", "The name of a protected context.";
    PillMode = "pill.mode", "The write mode, where it is not off.";
    Simulated = "simulated", "The word that says nothing here is real.";
    Border = "border", "The edge of a dialog.";
    Rule = "rule", "A horizontal rule.";
    Title = "title", "A heading.";
    Key = "key", "A key in a hint.";
    KeyOff = "key.off", "A key that cannot work here.";
    Label = "label", "The key of a key and value.";
    Link = "link", "Something that opens elsewhere.";
    Match = "match", "The letters that a filter matched.";
    Difference = "difference", "A value that differs from its neighbour.";
    Input = "input", "An input field.";
    InputCursor = "input.cursor", "The place where typing goes.";
    InputHint = "input.hint", "What an empty field would hold.";
    InputError = "input.error", "Why a field's content cannot be used.";
    Marker = "marker", "A vertical mark of a change in a chart.";
    Axis = "chart.axis", "Axes and their ticks.";
    Threshold = "chart.threshold", "The line that must not be crossed.";
    ChartCursor = "chart.cursor", "The column that the values are read at.";
    Chart1 = "chart.1", "The first series.";
    Chart2 = "chart.2", "The second series.";
    Chart3 = "chart.3", "The third series.";
    Chart4 = "chart.4", "The fourth series.";
    Chart5 = "chart.5", "The fifth series.";
    Chart6 = "chart.6", "The sixth series.";
    Chart7 = "chart.7", "The seventh series.";
    Chart8 = "chart.8", "The eighth series.";
}

/// How many roles there are.
pub const ROLES: usize = Role::ALL.len();

impl Role {
    /// The role of the `n`-th series of a chart; repeats after eight.
    pub fn chart(n: usize) -> Self {
        [
            Self::Chart1,
            Self::Chart2,
            Self::Chart3,
            Self::Chart4,
            Self::Chart5,
            Self::Chart6,
            Self::Chart7,
            Self::Chart8,
        ][n % 8]
    }

    /// The role with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|r| r.name() == name)
    }
}

/// What a theme says of one role. Absent parts come from the theme it inherits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Spec {
    /// The colour of the text.
    pub fg: Option<Ink>,
    /// The colour behind it.
    pub bg: Option<Ink>,
    /// Modifiers beside colour.
    pub mods: Option<Modifier>,
    /// Modifiers in sixteen colours, where they differ.
    pub mods16: Option<Modifier>,
    /// Modifiers without colour.
    pub mono: Option<Modifier>,
}

impl Spec {
    /// The style at a colour depth.
    pub fn style(&self, depth: Depth) -> Style {
        let colourless = self.fg.is_none() && self.bg.is_none() && self.mods.is_none();
        let mono = self.mono.unwrap_or_default();
        let mods = match depth {
            Depth::Mono => mono,
            _ if colourless => mono,
            Depth::Ansi16 => self.mods16.or(self.mods).unwrap_or_default(),
            _ => self.mods.unwrap_or_default(),
        };
        let mut style = Style::new().add_modifier(mods);
        style.fg = self.fg.and_then(|ink| ink.at(depth));
        style.bg = self.bg.and_then(|ink| ink.at(depth));
        style
    }
}

/// A complete theme.
#[derive(Clone, PartialEq, Debug)]
pub struct Theme {
    /// Its name.
    pub name: String,
    /// The background it is made for: never painted on a terminal, used for exports and contrast.
    pub background: Rgb,
    /// The text colour of that background.
    pub foreground: Rgb,
    /// One for each role, in the order of [`Role::ALL`].
    pub specs: [Spec; ROLES],
}

const DARK: &str = include_str!("../../themes/dark.toml");
const LIGHT: &str = include_str!("../../themes/light.toml");
const MONO: &str = include_str!("../../themes/mono.toml");

impl Theme {
    /// The names of the built-in themes.
    pub const BUILT_IN: [&'static str; 3] = ["dark", "light", "mono"];

    /// A built-in theme.
    pub fn built_in(name: &str) -> Option<Self> {
        Self::source(name).and_then(|text| Self::parse(name, text).ok())
    }

    /// The text of a built-in theme: what a theme of one's own starts from.
    pub fn source(name: &str) -> Option<&'static str> {
        match name {
            "dark" => Some(DARK),
            "light" => Some(LIGHT),
            "mono" => Some(MONO),
            _ => None,
        }
    }

    /// Reads a theme's text; `place` names the file in errors. `inherits` may name a built-in theme.
    pub fn parse(place: &str, text: &str) -> Result<Self, ThemeError> {
        theme_file::parse(place, text, &Self::source)
    }

    /// What the theme says of a role.
    pub fn spec(&self, role: Role) -> &Spec {
        &self.specs[role as usize]
    }

    /// Every role's style at a colour depth.
    pub fn styles(&self, depth: Depth) -> [Style; ROLES] {
        std::array::from_fn(|i| self.specs[i].style(depth))
    }

    /// The colour that a cell's colour stands for in an export: names and indexes become RGB.
    pub fn rgb(&self, color: Color, fallback: Rgb) -> Rgb {
        super::color::rgb_of(color).unwrap_or(fallback)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::color::{contrast, deuteranope_distance};

    fn coloured() -> [Theme; 2] {
        ["dark", "light"].map(|name| Theme::parse(name, Theme::source(name).unwrap()).unwrap())
    }

    #[test]
    fn built_in_themes_dress_every_role() {
        for name in Theme::BUILT_IN {
            let theme = Theme::parse(name, Theme::source(name).unwrap()).unwrap();
            for role in Role::ALL {
                assert!(theme.spec(*role).mono.is_some(), "{name}: {}", role.name());
                if name != "mono" {
                    let spec = theme.spec(*role);
                    assert!(
                        spec.fg.is_some() || spec.bg.is_some(),
                        "{name}: {}",
                        role.name()
                    );
                }
            }
        }
    }

    #[test]
    fn text_reads_on_its_background() {
        for theme in coloured() {
            let select = theme.spec(Role::Selected).bg.unwrap().rgb;
            for role in Role::ALL {
                let spec = theme.spec(*role);
                let Some(fg) = spec.fg else { continue };
                let least = match role {
                    Role::Rule => 1.3,
                    Role::Dim
                    | Role::Header
                    | Role::Tab
                    | Role::KeyOff
                    | Role::Label
                    | Role::InputHint
                    | Role::Border
                    | Role::Axis
                    | Role::ChartCursor => 3.0,
                    _ => 4.5,
                };
                let ground = spec.bg.map_or(theme.background, |b| b.rgb);
                let ratio = contrast(fg.rgb, ground);
                assert!(ratio >= least, "{} {}: {ratio:.2}", theme.name, role.name());
                if spec.bg.is_none() && *role != Role::Rule {
                    let ratio = contrast(fg.rgb, select);
                    assert!(
                        ratio >= least.min(4.5),
                        "{} {} selected: {ratio:.2}",
                        theme.name,
                        role.name()
                    );
                }
            }
        }
    }

    #[test]
    fn levels_keep_apart_without_green_cones() {
        let levels = [
            Role::Crit,
            Role::Warn,
            Role::Unknown,
            Role::Info,
            Role::Text,
        ];
        for theme in coloured() {
            for (i, a) in levels.iter().enumerate() {
                for b in &levels[i + 1..] {
                    let d = deuteranope_distance(
                        theme.spec(*a).fg.unwrap().rgb,
                        theme.spec(*b).fg.unwrap().rgb,
                    );
                    assert!(d >= 10.0, "{} {a:?} {b:?}: {d:.1}", theme.name);
                }
            }
        }
    }

    #[test]
    fn without_colour_only_modifiers_remain() {
        for theme in coloured() {
            for style in theme.styles(Depth::Mono) {
                assert_eq!((style.fg, style.bg), (None, None));
            }
            assert!(
                theme
                    .spec(Role::Selected)
                    .style(Depth::Mono)
                    .add_modifier
                    .contains(Modifier::REVERSED)
            );
        }
    }

    #[test]
    fn each_depth_speaks_its_own_colours() {
        let dark = Theme::built_in("dark").unwrap();
        let crit = dark.spec(Role::Crit);
        assert_eq!(crit.style(Depth::True).fg, Some(Color::Rgb(255, 111, 91)));
        assert_eq!(crit.style(Depth::Ansi256).fg, Some(Color::Indexed(203)));
        assert_eq!(crit.style(Depth::Ansi16).fg, Some(Color::LightRed));
        assert_eq!(dark.spec(Role::Text).style(Depth::Ansi16).fg, None);
    }
}
