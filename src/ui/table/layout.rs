//! Which columns are shown, how wide, and where: names whole first, then the columns of most
//! importance, then the sentences.

/// Which side of its column a text stands on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Align {
    /// Words.
    #[default]
    Left,
    /// Numbers and ages.
    Right,
}

/// How wide a column may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Width {
    /// Always this wide.
    Fixed(u16),
    /// A name: as wide as the longest one (`want`, known to the pane) if other columns can go, never
    /// less than `min`.
    Name {
        /// The least.
        min: u16,
        /// The longest name's width.
        want: u16,
    },
    /// A sentence: at least `min`, and a share of what is left.
    Flex {
        /// The least.
        min: u16,
        /// The share, against other such columns.
        weight: u16,
    },
}

/// One column of a table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Column<'a> {
    /// The title, in capitals, with the unit in it.
    pub title: &'a str,
    /// How wide.
    pub width: Width,
    /// Which side the text stands on.
    pub align: Align,
    /// 0 is never dropped; the highest goes first, and [`Column::HIDDEN`] is not shown at all.
    pub priority: u8,
}

impl<'a> Column<'a> {
    /// The priority of a column that has nothing to say in any row.
    pub const HIDDEN: u8 = u8::MAX;

    /// A column of fixed width.
    pub const fn fixed(title: &'a str, width: u16, priority: u8) -> Self {
        Self {
            title,
            width: Width::Fixed(width),
            align: Align::Left,
            priority,
        }
    }

    /// A column of names, never dropped.
    pub const fn name(title: &'a str, min: u16, want: u16) -> Self {
        Self {
            title,
            width: Width::Name { min, want },
            align: Align::Left,
            priority: 0,
        }
    }

    /// A column that takes what is left.
    pub const fn flex(title: &'a str, min: u16, weight: u16, priority: u8) -> Self {
        Self {
            title,
            width: Width::Flex { min, weight },
            align: Align::Left,
            priority,
        }
    }

    /// The same column, its texts on the right.
    #[must_use]
    pub const fn right(mut self) -> Self {
        self.align = Align::Right;
        self
    }
}

/// Where a column ended up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// Its index among all columns.
    pub index: usize,
    /// Its left edge.
    pub x: u16,
    /// Its width, at least 1.
    pub width: u16,
}

/// Chooses the columns that fit into `room` and places them.
pub fn fit_columns(columns: &[Column<'_>], room: u16) -> Vec<Place> {
    let gap = u32::from(super::GAP);
    let room = u32::from(room);
    // A long name may claim 40 columns or half of the screen from others, and more only from spare
    // room.
    let least = |c: &Column<'_>, whole: bool| match c.width {
        Width::Fixed(w) => u32::from(w.max(1)),
        Width::Name { min, want } if whole => {
            u32::from(min.max(1)).max(u32::from(want).min(40.max(room / 2)))
        }
        Width::Name { min, .. } | Width::Flex { min, .. } => u32::from(min.max(1)),
    };
    let total = |kept: &[usize], whole: bool| {
        let cells: u32 = kept.iter().map(|i| least(&columns[*i], whole)).sum();
        cells + gap * (kept.len().saturating_sub(1)) as u32
    };

    let mut kept: Vec<usize> = (0..columns.len()).collect();
    kept.retain(|i| columns[*i].priority != Column::HIDDEN);
    while total(&kept, true) > room {
        // The rightmost of those that matter least.
        let Some((at, _)) = kept
            .iter()
            .enumerate()
            .filter(|(_, i)| columns[**i].priority > 0)
            .max_by_key(|(at, i)| (columns[**i].priority, *at))
        else {
            break;
        };
        kept.remove(at);
    }
    let whole = total(&kept, true) <= room;
    let mut widths: Vec<u32> = kept.iter().map(|i| least(&columns[*i], whole)).collect();
    let used = total(&kept, whole);
    let mut spare = room.saturating_sub(used);

    // Spare room: names become whole first, then sentences share the rest by weight.
    for (w, i) in widths.iter_mut().zip(&kept) {
        if let Width::Name { want, .. } = columns[*i].width {
            let more = u32::from(want).saturating_sub(*w).min(spare);
            *w += more;
            spare -= more;
        }
    }
    let weight_of = |i: usize| match columns[i].width {
        Width::Flex { weight, .. } => u32::from(weight.max(1)),
        _ => 0,
    };
    let mut weights: u32 = kept.iter().map(|i| weight_of(*i)).sum();
    for (w, i) in widths.iter_mut().zip(&kept) {
        let weight = weight_of(*i);
        if weight > 0 {
            let part = spare * weight / weights;
            *w += part;
            spare -= part;
            weights -= weight;
        }
    }

    let mut places = Vec::with_capacity(kept.len());
    let mut x = 0;
    for (w, i) in widths.into_iter().zip(kept) {
        let w = w.min(room.saturating_sub(x));
        if w == 0 {
            break;
        }
        places.push(Place {
            index: i,
            x: x as u16,
            width: w as u16,
        });
        x += w + gap;
    }
    places
}
