//! What the user can ask for and what the program can be told: commands, keys, messages, effects and
//! the filter grammar. Pure; it knows neither panes nor drawing.

pub mod chord;
pub mod command;
pub mod filter;
pub mod keymap;
pub mod msg;
pub mod preference;
