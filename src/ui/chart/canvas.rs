//! A grid of dots behind a chart: braille cells of 2 × 4 dots, or letters where that cannot be drawn.

/// Dots and their owners, one cell a character.
#[derive(Debug)]
pub(super) struct Canvas {
    columns: usize,
    rows: usize,
    ascii: bool,
    bits: Vec<u8>,
    owner: Vec<u8>,
}

/// The bit of each dot in a braille pattern, by row and column.
const DOTS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];

impl Canvas {
    pub(super) fn new(columns: u16, rows: u16, ascii: bool) -> Self {
        let (columns, rows) = (usize::from(columns), usize::from(rows));
        Self {
            columns,
            rows,
            ascii,
            bits: vec![0; columns * rows],
            owner: vec![0; columns * rows],
        }
    }

    /// Dots across and down.
    pub(super) fn size(&self) -> (usize, usize) {
        if self.ascii {
            (self.columns, self.rows)
        } else {
            (self.columns * 2, self.rows * 4)
        }
    }

    fn dot(&mut self, x: i64, y: i64, series: usize) {
        let (w, h) = self.size();
        if x < 0 || y < 0 || x >= w as i64 || y >= h as i64 {
            return;
        }
        let (x, y) = (x as usize, y as usize);
        let (cell, bit) = if self.ascii {
            (y * self.columns + x, 0xff)
        } else {
            (y / 4 * self.columns + x / 2, DOTS[y % 4][x % 2])
        };
        self.bits[cell] |= bit;
        self.owner[cell] = series as u8;
    }

    /// A line between two dots, ends included. Ends far outside are cut, not walked.
    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), series: usize) {
        let (_, h) = self.size();
        let clamp = |y: f64| y.clamp(-1.0, h as f64) as i64;
        let (mut x, mut y) = (from.0.round() as i64, clamp(from.1.round()));
        let (end_x, end_y) = (to.0.round() as i64, clamp(to.1.round()));
        let (dx, dy) = ((end_x - x).abs(), -(end_y - y).abs());
        let (sx, sy) = ((end_x - x).signum(), (end_y - y).signum());
        let mut err = dx + dy;
        loop {
            self.dot(x, y, series);
            if x == end_x && y == end_y {
                return;
            }
            let twice = 2 * err;
            if twice >= dy {
                err += dy;
                x += sx;
            }
            if twice <= dx {
                err += dx;
                y += sy;
            }
        }
    }

    /// The glyph of a cell and the series that drew it last, if any did.
    pub(super) fn cell(&self, column: usize, row: usize) -> Option<(char, usize)> {
        let at = row * self.columns + column;
        let bits = *self.bits.get(at)?;
        if bits == 0 {
            return None;
        }
        let glyph = if self.ascii {
            '*'
        } else {
            char::from_u32(0x2800 + u32::from(bits))?
        };
        Some((glyph, usize::from(self.owner[at])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diagonal_touches_its_corners() {
        let mut canvas = Canvas::new(2, 1, false);
        canvas.line((0.0, 3.0), (3.0, 0.0), 4);
        assert_eq!(canvas.cell(0, 0), Some(('\u{2860}', 4)));
        assert_eq!(canvas.cell(1, 0), Some(('\u{280a}', 4)));
    }

    #[test]
    fn far_ends_are_cut() {
        let mut canvas = Canvas::new(4, 2, false);
        canvas.line((0.0, 0.0), (7.0, 1e300), 0);
        canvas.line((0.0, -1e300), (7.0, 1e300), 0);
        assert!(canvas.cell(0, 0).is_some());
    }
}
