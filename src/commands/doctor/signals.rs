//! What each signal of a monitoring source finds: series, labels, and the server's remarks.

use std::time::Duration;

use super::{Finding, Weight};
use crate::domain::key::SourceId;
use crate::domain::query::{Detail, Query};
use crate::domain::settings::SourceKind;
use crate::domain::signal::SignalCheck;
use crate::runtime::headless::Collected;

/// Asks each Prometheus source what its signals find. One that did not answer has been told of.
pub(super) async fn signals(collected: &Collected, limit: Duration) -> Vec<Finding> {
    let mut found = Vec::new();
    for settings in &collected.fleet.settings().sources {
        if settings.kind != SourceKind::Prometheus {
            continue;
        }
        let id = SourceId::new(&settings.name);
        let area = format!("source {}", settings.name);
        let asked = collected.fetch(&id, Query::SignalChecks, limit).await;
        if let Ok((_, Detail::SignalChecks(checks))) = asked {
            found.extend(checks.iter().map(|check| finding(&area, check)));
        }
    }
    found
}

fn finding(area: &str, check: &SignalCheck) -> Finding {
    let mut name = format!("{} {}", check.preset, check.measure);
    if !check.part.is_empty() {
        name = format!("{name} {}", check.part);
    }
    if let Some(fault) = &check.fault {
        return Finding::new(Weight::Error, area, "signal", format!("{name}: {fault}"))
            .advise("correct its query in the source's [[signals]]");
    }
    let mut text = match check.series {
        0 => format!("{name}: no series"),
        n => format!("{name}: {n} series"),
    };
    if !check.sample.is_empty() {
        text = format!("{text}, such as {}", check.sample);
    }
    for remark in &check.remarks {
        text = format!("{text}; {remark}");
    }
    if check.unnamed > 0 {
        return Finding::new(
            Weight::Doubt,
            area,
            "signal",
            format!("{text}; {} name no model", check.unnamed),
        )
        .advise("group the query by the model's label, and name it in `labels`");
    }
    if check.remarks.is_empty() {
        Finding::good(area, "signal", text)
    } else {
        Finding::new(Weight::Note, area, "signal", text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::signal::Measure;
    use crate::domain::text::Clean;

    #[test]
    fn what_a_signal_finds_is_told_with_what_is_wrong() {
        let plain = SignalCheck {
            preset: Clean::name("kserve"),
            measure: Measure::Requests,
            part: Clean::empty(),
            series: 12,
            unnamed: 0,
            sample: Clean::name("model_name=fraud"),
            remarks: Vec::new(),
            fault: None,
        };
        let good = finding("source p", &plain);
        assert_eq!(
            good.text,
            "kserve requests: 12 series, such as model_name=fraud"
        );
        assert!(good.weight == Weight::Good);
        let remarked = SignalCheck {
            remarks: vec![Clean::name("results truncated")],
            ..plain.clone()
        };
        let remarked = finding("source p", &remarked);
        assert!(remarked.weight == Weight::Note && remarked.text.ends_with("; results truncated"));
        let unnamed = SignalCheck {
            unnamed: 2,
            ..plain.clone()
        };
        assert!(finding("source p", &unnamed).weight == Weight::Doubt);
        let refused = SignalCheck {
            fault: Some(Clean::name("parse error")),
            ..plain
        };
        assert!(finding("source p", &refused).weight == Weight::Error);
    }
}
