//! Pure drawing: theme, symbols, text fitting, table, chart, form, frame pieces and exports. No
//! state of panes, no I/O.

pub mod chart;
pub mod color;
pub mod export;
pub mod form;
pub mod frame;
#[cfg(test)]
mod gallery;
pub mod gauge;
pub mod heat;
pub mod histogram;
pub mod hits;
pub mod look;
pub mod paint;
pub mod picker;
pub mod series;
pub mod sparkline;
pub mod symbols;
pub mod table;
#[cfg(test)]
pub(crate) mod testing;
pub mod text;
pub mod theme;
pub mod theme_file;
