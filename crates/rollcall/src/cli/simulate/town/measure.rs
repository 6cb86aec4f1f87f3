//! What is measured of the server from outside: its metrics, its memory, its log.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::Context as _;
use serde_json::Value as Json;

use super::api::Api;
use crate::web::terminals::oddities::LATE;

/// The page of metrics: name with labels → number.
pub(super) struct Metrics(BTreeMap<String, f64>);

/// How many edits were acknowledged within so many seconds, by bucket, each with those below it.
#[derive(Clone, Default)]
pub(super) struct Arrivals(Vec<(f64, f64)>);

impl Metrics {
    pub async fn ask(api: &Api) -> anyhow::Result<Metrics> {
        Ok(Metrics::read(&api.metrics().await?))
    }

    fn read(page: &str) -> Metrics {
        let lines = page.lines().filter(|line| !line.starts_with('#'));
        let numbers = lines.filter_map(|line| {
            let (name, number) = line.rsplit_once(' ')?;
            Some((name.to_owned(), number.parse().ok()?))
        });
        Metrics(numbers.collect())
    }

    /// What keeps the server from saying that everybody is where he belongs, so many students on all terminals together.
    pub fn out_of_step(&self, expected: u32) -> Option<String> {
        let waits = |name: &str| {
            name.starts_with("rollcall_commands_waiting")
                || name.starts_with("rollcall_held")
                || (name.starts_with("rollcall_drift_open") && !name.contains("stranger"))
                || (name.starts_with("rollcall_students_on_terminals") && !name.contains("\"synced\""))
                || name.starts_with("rollcall_uploads_waiting")
        };
        let wrong = self.0.iter().filter(|(name, number)| waits(name) && number.abs() > 0.0);
        let mut words: Vec<String> = wrong.map(|(name, number)| format!("{name} {number}")).collect();
        let synced = self.0.get("rollcall_students_on_terminals{status=\"synced\"}").copied().unwrap_or(0.0);
        if synced.total_cmp(&expected.into()).is_ne() {
            words.push(format!("{synced} of {expected} students are on terminals"));
        }
        (!words.is_empty()).then(|| words.join(", "))
    }

    pub fn arrivals(&self) -> Arrivals {
        let buckets = self.0.iter().filter_map(|(name, count)| {
            let bound = name.strip_prefix("rollcall_edit_to_acknowledged_seconds_bucket{le=\"")?.strip_suffix("\"}")?;
            Some((bound.parse().ok()?, *count))
        });
        let mut buckets: Vec<(f64, f64)> = buckets.collect();
        buckets.sort_by(|(left, _), (right, _)| left.total_cmp(right));
        Arrivals(buckets)
    }

    /// Commands that terminals carried out.
    pub fn commands(&self) -> f64 {
        self.0.get("rollcall_commands_total{outcome=\"completed\"}").copied().unwrap_or(0.0)
    }
}

impl Arrivals {
    pub fn since(&self, before: &Arrivals) -> Arrivals {
        let counted = |bound: f64| {
            before.0.iter().find(|(known, _)| known.total_cmp(&bound).is_eq()).map_or(0.0, |(_, count)| *count)
        };
        Arrivals(self.0.iter().map(|(bound, count)| (*bound, count - counted(*bound))).collect())
    }

    /// Within how many seconds this part of them arrived, as exactly as the buckets tell. `None` without any.
    pub fn within(&self, part: f64) -> Option<f64> {
        let wanted = self.0.last().map(|(_, all)| all * part).filter(|wanted| *wanted > 0.0)?;
        let (mut below, mut counted) = (0.0, 0.0);
        for (bound, count) in &self.0 {
            if *count >= wanted {
                let share = if *count > counted { (wanted - counted) / (count - counted) } else { 1.0 };
                return Some(if bound.is_finite() { below + (bound - below) * share } else { *bound });
            }
            (below, counted) = (*bound, *count);
        }
        None
    }
}

/// A process' memory that is in use, in kB.
pub(super) fn resident(pid: u32) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).with_context(|| format!("no process {pid} runs"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.trim().split(' ').next()?.parse().ok());
    number.with_context(|| format!("the system does not say how much memory {pid} has"))
}

/// What a server logged.
#[derive(Debug, Default)]
pub(super) struct Logged {
    /// Message → how often.
    pub errors: BTreeMap<String, u64>,
    /// Requests of terminals that were answered before they were dealt with, as far as it was said.
    pub late: u64,
}

/// Looks through a log of JSON lines.
pub(super) fn logged(log: &Path) -> anyhow::Result<Logged> {
    let text = fs::read_to_string(log).with_context(|| format!("cannot read {}", log.display()))?;
    let Logged { mut errors, mut late } = Logged::default();
    for line in text.lines().filter_map(|line| serde_json::from_str::<Json>(line).ok()) {
        if line["message"] == LATE {
            late += 1 + line["suppressed"].as_u64().unwrap_or(0);
        }
        if line["level"] == "ERROR" {
            let words = format!(
                "{} {}",
                line["message"].as_str().unwrap_or_default(),
                line["error"].as_str().unwrap_or_default()
            );
            *errors.entry(words).or_default() += 1;
        }
    }
    Ok(Logged { errors, late })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_metrics_tells_what_is_out_of_step_and_how_fast_edits_arrive() {
        let page = "# HELP x y\nrollcall_held{change=\"card\"} 0\nrollcall_students_on_terminals{status=\"synced\"} 7\n\
            rollcall_students_on_terminals{status=\"failed\"} 2\nrollcall_drift_open{kind=\"stranger\"} 1\n\
            rollcall_edit_to_acknowledged_seconds_bucket{le=\"1\"} 10\n\
            rollcall_edit_to_acknowledged_seconds_bucket{le=\"5\"} 90\n\
            rollcall_edit_to_acknowledged_seconds_bucket{le=\"+Inf\"} 100\n";
        let metrics = Metrics::read(page);
        let failed = "rollcall_students_on_terminals{status=\"failed\"} 2";
        assert_eq!(metrics.out_of_step(7).as_deref(), Some(failed));
        assert_eq!(metrics.out_of_step(9), Some(format!("{failed}, 7 of 9 students are on terminals")));
        let arrivals = metrics.arrivals();
        assert_eq!(arrivals.within(0.5), Some(3.0));
        assert_eq!(arrivals.within(0.99), Some(f64::INFINITY));
        assert_eq!(arrivals.since(&arrivals).within(0.5), None);
    }
}
