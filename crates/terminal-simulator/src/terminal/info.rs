//! What a terminal says of itself: `INFO` on a poll, the `INFO` command, options (ATT5.8 §6, §7).

use std::fmt::Write as _;

use super::Terminal;
use crate::profile::{CapacityTold, Reader};

impl Terminal {
    /// The value of `INFO=`, by position.
    pub(super) fn info_values(&self) -> String {
        let firmware = if self.profile.http.raw_blanks {
            self.profile.firmware.clone()
        } else {
            self.profile.firmware.replace(' ', "%20")
        };
        let (algorithm, faces) = if self.profile.http.reader == Reader::Legacy { (7, 15) } else { (39, 12) };
        let values = [
            firmware,
            self.user_count().to_string(),
            self.table.fingers().to_string(),
            self.outbox.punches.len().to_string(),
            self.address(),
            "10".to_owned(),
            algorithm.to_string(),
            faces.to_string(),
            self.table.faces().to_string(),
            "111".to_owned(),
            self.table.cards().to_string(),
            "0".to_owned(),
            "0".to_owned(),
        ];
        values[..self.profile.polling.info_values.min(values.len())].join(",")
    }

    /// The lines that the `INFO` command brings.
    pub(super) fn info_lines(&self) -> String {
        self.all_options().iter().fold(String::new(), |mut lines, (key, value)| {
            let _ = writeln!(lines, "{key}={value}");
            lines
        })
    }

    /// `Key=Value` joined by commas: the options named, or all. Unknown names are left out.
    pub(super) fn options_line(&self, names: Option<&[String]>) -> String {
        let all = self.all_options();
        let wanted = all.iter().filter(|(key, _)| {
            names.is_none_or(|names| {
                names.iter().any(|name| name.trim_start_matches('~') == key.trim_start_matches('~'))
            })
        });
        wanted.map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
    }

    fn all_options(&self) -> Vec<(String, String)> {
        let push_version = self.profile.announces.as_ref().map_or("1.0", |announces| announces.push_version);
        let known = [
            ("~DeviceName", self.profile.model.to_owned()),
            ("~SerialNumber", self.serial.clone()),
            ("MAC", format!("00:17:61:00:00:{:02x}", self.seed % 256)),
            ("TransactionCount", self.outbox.punches.len().to_string()),
            ("UserCount", self.user_count().to_string()),
            self.capacity(),
            ("FPCount", self.table.fingers().to_string()),
            ("FaceCount", self.table.faces().to_string()),
            ("FWVersion", self.profile.firmware.clone()),
            ("PushVersion", format!("Ver {push_version}")),
            ("IPAddress", self.address()),
            ("Language", self.profile.language.to_string()),
            ("~PIN2Width", self.profile.people.pin_bytes.to_string()),
            ("StringPinFunOn", u8::from(self.profile.people.pin_letters).to_string()),
            ("FingerFunOn", "1".to_owned()),
            ("FaceFunOn", "1".to_owned()),
        ];
        let known = known.into_iter().map(|(key, value)| (key.to_owned(), value));
        known.chain(self.options.iter().map(|(key, value)| (key.clone(), value.clone()))).collect()
    }

    /// How many people fit, under the name and in the unit of this family.
    pub(super) fn capacity(&self) -> (&'static str, String) {
        let people = self.profile.people.capacity;
        match self.profile.people.capacity_told {
            CapacityTold::Hundreds => ("~MaxUserCount", (people / 100).to_string()),
            CapacityTold::People => ("MaxUserCount", people.to_string()),
        }
    }

    /// The number of users as the terminal tells it: its table's, unless it is made to miscount.
    pub(super) fn user_count(&self) -> i64 {
        let count = i64::try_from(self.table.len()).unwrap_or(i64::MAX);
        let off = self.stale.filter(|(_, until)| self.now < *until).map_or(0, |(off, _)| off);
        count.saturating_add(off).max(0)
    }

    fn address(&self) -> String {
        format!("192.0.2.{}", 1 + self.seed % 254)
    }
}
