//! The models pane: flows from a fleet and commands to state, and frames.

use super::testing::{cx, drawn, fleet, gone, model_key, unconfigured, waiting};
use super::*;
use crate::domain::observation::FactKey;
use crate::ui::testing::{NOW, screen};

fn open(fleet: &crate::domain::fleet::Fleet) -> Models {
    let mut pane = Models::new();
    pane.refresh(&cx(fleet, (120, 36)));
    pane
}

fn names(pane: &Models) -> Vec<String> {
    pane.rows
        .iter()
        .map(|k| k.name.clean().to_string())
        .collect()
}

#[test]
fn frames() {
    let fleet = fleet();
    for size in [(60, 16), (80, 24), (120, 36), (200, 60)] {
        println!("{}", screen(&drawn(&mut Models::new(), &fleet, size)));
    }
    assert!(!names(&open(&fleet)).is_empty());
    let _ = (gone, model_key, unconfigured, waiting, FactKey::Model, NOW);
}
