//! The time of day at which a terminal may be burdened: `22:00-04:00`, by its own wall clock.

use jiff::civil::Time;

/// From the first minute on, up to the second, over midnight if that is the earlier one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    from: Time,
    to: Time,
}

impl Window {
    /// `HH:MM-HH:MM`. Two equal times are no window: one may mean by them the whole day, or nothing of it.
    pub fn parse(text: &str) -> Option<Window> {
        let (from, to) = text.trim().split_once('-')?;
        let (from, to) = (minute(from)?, minute(to)?);
        (from != to).then_some(Window { from, to })
    }

    pub fn contains(self, time: Time) -> bool {
        if self.from < self.to { (self.from..self.to).contains(&time) } else { time >= self.from || time < self.to }
    }
}

fn minute(text: &str) -> Option<Time> {
    let is_written_out = text.len() == "22:00".len();
    Time::strptime("%H:%M", text).ok().filter(|_| is_written_out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i8, minute: i8) -> Time {
        Time::constant(hour, minute, 0, 0)
    }

    #[test]
    fn a_window_may_reach_over_midnight() {
        let night = Window::parse("22:00-04:00").unwrap();
        let inside = [at(22, 0), at(23, 59), at(0, 0), at(3, 59)];
        assert!(inside.into_iter().all(|time| night.contains(time)));
        assert!(![at(4, 0), at(12, 0), at(21, 59)].into_iter().any(|time| night.contains(time)));
        let noon = Window::parse("12:00-13:30").unwrap();
        assert!(noon.contains(at(12, 0)) && !noon.contains(at(13, 30)) && !noon.contains(at(0, 0)));
    }

    #[test]
    fn what_is_no_window_is_none() {
        for text in ["", "22:00", "22-04", "25:00-04:00", "22:60-04:00", "2:3-4:5", "4:00-5:00", "00:00-00:00"] {
            assert_eq!(Window::parse(text), None, "{text}");
        }
    }
}
