//! What was measured, beside what it should be.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::machine::{POSTGRES, SQLITE};

/// What a figure must keep. Beyond it is a defect.
#[derive(Clone, Copy, Debug)]
pub enum Gate {
    AtLeast(f64),
    AtMost(f64),
}

pub struct Report {
    sizes: &'static str,
    about: Vec<(&'static str, String)>,
    rows: Vec<Row>,
}

struct Row {
    what: String,
    database: &'static str,
    unit: &'static str,
    figures: Figures,
    /// With what is aimed at.
    gate: Option<(Gate, f64)>,
}

/// Median, smallest and largest of the rounds.
#[derive(Clone, Copy)]
struct Figures {
    median: f64,
    min: f64,
    max: f64,
    rounds: usize,
}

impl Report {
    pub fn new(sizes: &'static str, about: Vec<(&'static str, String)>) -> Report {
        println!("sizes: {sizes}");
        for (what, words) in &about {
            println!("{what}: {words}");
        }
        println!();
        Report { sizes, about, rows: Vec::new() }
    }

    /// A figure that a gate holds. `rounds` are its values, one per round.
    pub fn gate(&mut self, what: &str, database: &'static str, rounds: &[f64], gate: Gate, goal: f64) {
        self.put(what, database, "", rounds, Some((gate, goal)));
    }

    /// A figure that a gate holds at full size only: it compares with what grows with the size.
    pub fn gate_at_full_size(&mut self, what: &str, database: &'static str, rounds: &[f64], gate: Gate, goal: f64) {
        let is_judged = self.sizes == crate::FULL.name;
        self.put(what, database, "", rounds, is_judged.then_some((gate, goal)));
    }

    /// A figure that is told and not judged.
    pub fn tell(&mut self, what: &str, database: &'static str, unit: &'static str, rounds: &[f64]) {
        self.put(what, database, unit, rounds, None);
    }

    fn put(
        &mut self,
        what: &str,
        database: &'static str,
        unit: &'static str,
        rounds: &[f64],
        gate: Option<(Gate, f64)>,
    ) {
        let row = Row { what: what.to_owned(), database, unit, figures: Figures::of(rounds), gate };
        println!("{}", row.line());
        self.rows.push(row);
    }

    /// Prints the table and writes the file. Whether every gate was kept.
    pub fn end(self) -> bool {
        println!("\n{:<74} {:>12}  {:>12} {:>9}", "what is held by a gate", "measured", "gate", "goal");
        for row in self.rows.iter().filter(|row| row.gate.is_some()) {
            println!("{}", row.judged());
        }
        let missed = self.rows.iter().filter(|row| row.passed() == Some(false)).count();
        println!("\n{missed} of {} gates missed", self.rows.iter().filter(|row| row.gate.is_some()).count());
        match self.write() {
            Ok(path) => println!("written: {path}"),
            Err(error) => println!("the figures could not be written to a file: {error}"),
        }
        missed == 0
    }

    fn write(&self) -> std::io::Result<String> {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench");
        fs::create_dir_all(&folder)?;
        let about: serde_json::Map<String, Value> =
            self.about.iter().map(|(what, words)| ((*what).to_owned(), json!(words))).collect();
        let rows: Vec<Value> = self.rows.iter().map(Row::json).collect();
        let text = json!({ "sizes": self.sizes, "machine": about, "rows": rows });
        let path = folder.join(format!("{}.json", self.sizes));
        fs::write(&path, format!("{text:#}\n"))?;
        fs::write(path.with_extension("md"), self.markdown())?;
        Ok(format!("{} and .md", path.display()))
    }

    /// The table of docs/performance.md.
    fn markdown(&self) -> String {
        let mut whats: Vec<&str> = Vec::new();
        for row in &self.rows {
            if !whats.contains(&row.what.as_str()) {
                whats.push(&row.what);
            }
        }
        let mut text = "| figure | gate | goal | SQLite | PostgreSQL |\n|---|---|---|---|---|\n".to_owned();
        for what in whats {
            let rows: Vec<&Row> = self.rows.iter().filter(|row| row.what == what).collect();
            let shown = |product: &str| {
                let row = rows.iter().find(|row| row.database == product);
                row.map_or("–".to_owned(), |row| {
                    let missed = if row.passed() == Some(false) { " (missed)" } else { "" };
                    format!("{} {}{missed}", short(row.figures.median), row.unit).trim().to_owned()
                })
            };
            // A gate may differ between the databases: the table shows each.
            let mut gates: Vec<String> = rows.iter().filter_map(|row| Some(row.gate?.0.words())).collect();
            gates.dedup();
            let mut goals: Vec<String> = rows.iter().filter_map(|row| Some(short(row.gate?.1))).collect();
            goals.dedup();
            let cells = [what.to_owned(), gates.join(", "), goals.join(", "), shown(SQLITE), shown(POSTGRES)];
            text.extend(["| ", &cells.join(" | "), " |\n"]);
        }
        text
    }
}

impl Row {
    fn passed(&self) -> Option<bool> {
        self.gate.map(|(gate, _)| match gate {
            Gate::AtLeast(bound) => self.figures.median >= bound,
            Gate::AtMost(bound) => self.figures.median <= bound,
        })
    }

    fn line(&self) -> String {
        let Figures { median, min, max, rounds } = self.figures;
        let spread = if rounds > 1 { format!(" ({}…{})", short(min), short(max)) } else { String::new() };
        format!("{:<11} {:<74} {:>10} {}{spread}", self.database, self.what, short(median), self.unit)
    }

    fn judged(&self) -> String {
        let what = format!("{}: {}", self.database, self.what);
        let Some((gate, goal)) = self.gate else { return what };
        let verdict = if self.passed() == Some(true) { "pass" } else { "FAIL" };
        let gate = gate.words();
        format!("{what:<74} {:>12}  {gate:>12} {:>9}  {verdict}", short(self.figures.median), short(goal))
    }

    fn json(&self) -> Value {
        let Figures { median, min, max, rounds } = self.figures;
        let mut row = json!({
            "what": self.what, "database": self.database, "unit": self.unit,
            "median": median, "min": min, "max": max, "rounds": rounds,
        });
        if let Some((gate, goal)) = self.gate {
            let (word, bound) = match gate {
                Gate::AtLeast(bound) => ("at_least", bound),
                Gate::AtMost(bound) => ("at_most", bound),
            };
            row[word] = json!(bound);
            row["goal"] = json!(goal);
            row["passed"] = json!(self.passed());
        }
        row
    }
}

impl Gate {
    fn words(self) -> String {
        match self {
            Gate::AtLeast(bound) => format!("≥ {}", short(bound)),
            Gate::AtMost(bound) => format!("≤ {}", short(bound)),
        }
    }
}

impl Figures {
    fn of(rounds: &[f64]) -> Figures {
        assert!(!rounds.is_empty(), "a figure has at least one round");
        let sorted = sorted(rounds);
        Figures { median: middle(&sorted), min: sorted[0], max: sorted[sorted.len() - 1], rounds: sorted.len() }
    }
}

pub fn median(values: &[f64]) -> f64 {
    middle(&sorted(values))
}

/// The value that so many hundredths of them do not exceed.
pub fn percentile(values: &[f64], percent: usize) -> f64 {
    let sorted = sorted(values);
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}

/// Round by round.
pub fn ratios(above: &[f64], below: &[f64]) -> Vec<f64> {
    above.iter().zip(below).map(|(above, below)| above / below).collect()
}

/// With which power of the size something grows: 0 not at all, 1 in proportion.
pub fn power(sizes: (f64, f64), costs: (f64, f64)) -> f64 {
    (costs.1 / costs.0).ln() / (sizes.1 / sizes.0).ln()
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

fn middle(sorted: &[f64]) -> f64 {
    let half = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[half] } else { f64::midpoint(sorted[half - 1], sorted[half]) }
}

fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 1_000.0 => format!("{value:.0}"),
        size if size >= 100.0 => format!("{value:.1}"),
        size if size >= 1.0 || size == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}
