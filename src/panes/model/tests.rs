//! The model page: flows and frames.

use super::*;
use crate::panes::models::testing::{cx, drawn, fleet, model_key};
use crate::ui::testing::screen;

#[test]
fn frames() {
    let fleet = fleet();
    for size in [(60, 16), (80, 24), (120, 36), (200, 60)] {
        println!(
            "{}",
            screen(&drawn(
                &mut ModelPage::new(model_key("fraud-detector")),
                &fleet,
                size
            ))
        );
        let s = Subject::Model(model_key("fraud-detector"));
        println!(
            "{}",
            screen(&drawn(
                &mut crate::panes::history::History::new(s),
                &fleet,
                size
            ))
        );
    }
    let _ = cx;
}
