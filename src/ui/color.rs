//! Colours as numbers: parsing, fallbacks for fewer colours, and how far apart two are to the eye.

use ratatui::style::Color;

use super::theme::Depth;

/// Red, green and blue, 0–255.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Rgb(pub u8, pub u8, pub u8);

impl Rgb {
    /// Reads `#rrggbb`.
    pub fn parse(text: &str) -> Option<Self> {
        let hex = text.strip_prefix('#')?;
        if hex.len() != 6 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let n = u32::from_str_radix(hex, 16).ok()?;
        Some(Self((n >> 16) as u8, (n >> 8) as u8, n as u8))
    }

    /// `#rrggbb`.
    pub fn hex(self) -> String {
        format!("#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }

    fn floats(self) -> [f64; 3] {
        [self.0, self.1, self.2].map(|c| f64::from(c) / 255.0)
    }
}

/// One palette entry: a colour, and what stands for it where fewer are shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ink {
    /// At 24 bits.
    pub rgb: Rgb,
    /// In the fixed palette of 256.
    pub x: u8,
    /// Among sixteen; `None` is the terminal's own text or background.
    pub ansi: Option<Color>,
}

impl Ink {
    /// A colour with the nearest stand-ins.
    pub fn nearest(rgb: Rgb) -> Self {
        Self {
            rgb,
            x: nearest_index(rgb, 16, 255),
            ansi: Some(Color::Indexed(nearest_index(rgb, 0, 15))),
        }
    }

    /// The colour to use at a depth.
    pub fn at(self, depth: Depth) -> Option<Color> {
        match depth {
            Depth::Mono => None,
            Depth::Ansi16 => self.ansi,
            Depth::Ansi256 => Some(Color::Indexed(self.x)),
            Depth::True => Some(Color::Rgb(self.rgb.0, self.rgb.1, self.rgb.2)),
        }
    }
}

/// The names that `ansi` takes in a theme file; `none` is the terminal's own.
pub const ANSI: [(&str, Color); 16] = [
    ("black", Color::Black),
    ("red", Color::Red),
    ("green", Color::Green),
    ("yellow", Color::Yellow),
    ("blue", Color::Blue),
    ("magenta", Color::Magenta),
    ("cyan", Color::Cyan),
    ("gray", Color::Gray),
    ("dark-gray", Color::DarkGray),
    ("light-red", Color::LightRed),
    ("light-green", Color::LightGreen),
    ("light-yellow", Color::LightYellow),
    ("light-blue", Color::LightBlue),
    ("light-magenta", Color::LightMagenta),
    ("light-cyan", Color::LightCyan),
    ("white", Color::White),
];

/// The colour that an `ansi` name means.
pub fn ansi_named(name: &str) -> Option<Color> {
    let name = if name == "light-white" { "white" } else { name };
    ANSI.iter().find(|(n, _)| *n == name).map(|(_, c)| *c)
}

/// A colour of the fixed palette; the first sixteen as xterm draws them.
pub fn indexed(i: u8) -> Rgb {
    const BASE: [Rgb; 16] = [
        Rgb(0, 0, 0),
        Rgb(205, 49, 49),
        Rgb(13, 155, 85),
        Rgb(190, 140, 20),
        Rgb(36, 114, 200),
        Rgb(170, 70, 170),
        Rgb(17, 148, 175),
        Rgb(200, 204, 210),
        Rgb(110, 118, 129),
        Rgb(241, 95, 85),
        Rgb(60, 200, 140),
        Rgb(235, 195, 80),
        Rgb(95, 165, 240),
        Rgb(214, 112, 214),
        Rgb(60, 190, 215),
        Rgb(245, 247, 250),
    ];
    match i {
        0..=15 => BASE[usize::from(i)],
        16..=231 => {
            let n = i - 16;
            let level = |v: u8| if v == 0 { 0 } else { 55 + 40 * v };
            Rgb(level(n / 36), level(n / 6 % 6), level(n % 6))
        }
        232..=255 => {
            let v = 8 + 10 * (i - 232);
            Rgb(v, v, v)
        }
    }
}

/// The red, green and blue of a terminal colour; `None` for the terminal's own.
pub fn rgb_of(color: Color) -> Option<Rgb> {
    match color {
        Color::Rgb(r, g, b) => Some(Rgb(r, g, b)),
        Color::Indexed(i) => Some(indexed(i)),
        named => ANSI
            .iter()
            .position(|(_, c)| *c == named)
            .map(|i| indexed(i as u8)),
    }
}

fn nearest_index(rgb: Rgb, from: u8, to: u8) -> u8 {
    let lab = lab(rgb.floats().map(linear));
    (from..=to)
        .min_by(|a, b| {
            let d = |i: u8| distance(lab, self::lab(indexed(i).floats().map(linear)));
            d(*a).total_cmp(&d(*b))
        })
        .unwrap_or(from)
}

/// The contrast ratio of WCAG 2: 1 to 21.
pub fn contrast(a: Rgb, b: Rgb) -> f64 {
    let luminance = |c: Rgb| {
        let [r, g, b] = c.floats().map(linear);
        0.2126 * r + 0.7152 * g + 0.0722 * b
    };
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// How far apart two colours are to an eye without green cones: the distance in CIE Lab after the
/// simulation of Viénot, Brettel and Mollon (1999).
pub fn deuteranope_distance(a: Rgb, b: Rgb) -> f64 {
    let seen = |c: Rgb| {
        let [r, g, b] = c.floats().map(linear);
        lab([
            0.292_75 * r + 0.707_25 * g,
            0.292_75 * r + 0.707_25 * g,
            -0.022_34 * r + 0.022_34 * g + b,
        ])
    };
    distance(seen(a), seen(b))
}

fn linear(c: f64) -> f64 {
    if c <= 0.040_45 {
        c / 12.92
    } else {
        ((c + 0.055) / 1.055).powf(2.4)
    }
}

fn lab([red, green, blue]: [f64; 3]) -> [f64; 3] {
    let root = |t: f64| {
        if t > 0.008_856 {
            t.cbrt()
        } else {
            7.787 * t + 16.0 / 116.0
        }
    };
    let x = root((0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.950_47);
    let y = root(0.2126 * red + 0.7152 * green + 0.0722 * blue);
    let z = root((0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.088_83);
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    a.iter()
        .zip(b)
        .map(|(a, b)| (a - b).powi(2))
        .sum::<f64>()
        .sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contrast_has_the_ends_of_the_standard() {
        let (black, white) = (Rgb(0, 0, 0), Rgb(255, 255, 255));
        assert!((contrast(black, white) - 21.0).abs() < 0.01);
        assert!((contrast(white, white) - 1.0).abs() < 0.01);
    }

    #[test]
    fn red_and_green_come_near_without_green_cones() {
        let red = Rgb(160, 60, 40);
        let green = Rgb(85, 100, 40);
        let blue = Rgb(60, 80, 220);
        assert!(deuteranope_distance(red, green) < deuteranope_distance(red, blue) / 3.0);
    }

    #[test]
    fn hex_is_read_and_written() {
        assert_eq!(Rgb::parse("#ff6f5b"), Some(Rgb(255, 111, 91)));
        assert_eq!(Rgb(1, 2, 255).hex(), "#0102ff");
        for bad in ["ff6f5b", "#fff", "#ggg000", "#ff6f5", "#+f6f5b"] {
            assert_eq!(Rgb::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_nearest_of_256_is_near() {
        assert_eq!(Ink::nearest(Rgb(255, 95, 95)).x, 203);
        assert_eq!(Ink::nearest(Rgb(128, 128, 128)).x, 244);
    }
}
