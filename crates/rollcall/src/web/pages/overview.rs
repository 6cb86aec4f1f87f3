//! `/`: every terminal in a word, and what waits for somebody.

use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse, Redirect},
};
use serde::Deserialize;

use super::{
    Reply, View, Visitor,
    html::Markup,
    pager::Pager,
    show_live,
    words::{Filled, Text, Words},
};
use crate::{
    app::App,
    attendance::punches,
    devices::{unknown, zone},
    school::{holidays, search},
    sync::overview::terminals::{self, Condition, TerminalState},
    web::extract::Query,
    webhooks::endpoints::{self, Ailing},
};

#[derive(Template)]
#[template(path = "overview.html", blocks = ["live"])]
struct OverviewPage {
    w: &'static Words,
    view: View,
    /// Those of this page, in the order of [`Urgency`], then by school and name.
    cards: Vec<Card>,
    pager: Pager,
    search: String,
    /// There are more than one looks through.
    has_search: bool,
    banners: Vec<Banner>,
    /// Terminals on all pages.
    total: usize,
    /// Terminals that need somebody.
    urgent: usize,
    /// Every single one is proven to be as wanted.
    is_all_well: bool,
    chart: Chart,
}

/// A terminal as the overview and its own page show it.
pub struct Card {
    pub state: TerminalState,
    pub badge: Badge,
    /// It is silent, and nobody comes to its school today.
    pub is_holiday: bool,
}

/// In which order terminals stand.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Urgency {
    /// Somebody has to decide.
    Waits,
    /// Somebody should look.
    Ails,
    Fine,
}

/// A state as a word and a shape.
#[derive(Clone, Copy, Debug)]
pub struct Badge {
    pub word: Text,
    /// A symbol of `marks.html`.
    pub mark: &'static str,
    /// A colour of the style sheet: `good`, `calm`, `busy`, `warn`, `bad` or `quiet`.
    pub tone: &'static str,
}

/// Something that waits for somebody.
struct Banner {
    text: Filled,
    to: String,
    link: Text,
}

/// Punches of a day by hour.
struct Chart {
    bars: Vec<Bar>,
    total: i64,
    busiest: String,
}

struct Bar {
    x: usize,
    y: i64,
    height: i64,
}

/// Cards of a page: each is about a kilobyte, and a page is read over a mobile connection.
const CARDS: i64 = 50;
/// Terminals that wait for a decision and are named above the first cards, which begin with those.
const NAMED: usize = 3;

#[derive(Deserialize)]
pub struct OverviewQuery {
    search: Option<String>,
    page: Option<i64>,
}

pub async fn show_overview(State(app): State<App>, visitor: Visitor, Query(query): Query<OverviewQuery>) -> Reply {
    let Visitor { caller, view } = visitor;
    if view.has_none() && caller.is_superadmin() && !view.is_fragment {
        return Ok(Redirect::to("/first-start/school").into_response());
    }
    let today = view.now.to_zoned(view.zone.clone()).date();
    let mut tx = app.db.read().await?;
    let states = terminals::terminals(&mut tx, view.school).await?;
    let hours = if states.is_empty() { vec![] } else { punches::by_hour(&mut tx, view.school, today).await? };
    let unknown = if caller.admin().is_ok() { unknown::count(&mut tx).await? } else { 0 };
    let ailing = if caller.admin().is_ok() { endpoints::ailing(&mut tx, view.school, view.now).await? } else { vec![] };
    let silent = states.iter().filter(|state| state.condition() == Condition::Offline).map(|state| state.school_id);
    let holidays = holidays::Today::of(&mut tx, silent, view.now).await?;
    drop(tx);

    let card = |state: TerminalState| {
        let zone = zone::of(state.timezone.as_deref(), None, &app.settings.timezone);
        let is_silent = state.condition() == Condition::Offline;
        let is_holiday = is_silent && holidays.is_holiday(state.school_id, zone);
        Card { is_holiday, ..Card::new(view.w, state) }
    };
    let mut cards: Vec<Card> = states.into_iter().map(card).collect();
    cards.sort_by_key(Card::urgency);
    let (total, urgent) = (cards.len(), cards.iter().filter(|card| card.urgency() != Urgency::Fine).count());
    let is_all_well = cards.iter().all(|card| card.state.condition() == Condition::InStep);
    let search = query.search.unwrap_or_default();
    let named = if search.is_empty() && query.page.is_none_or(|page| page <= 1) { NAMED } else { 0 };
    let banners = banners(&view, (&cards, named), unknown, &ailing);
    let has_search = !search.is_empty() || i64::try_from(total).is_ok_and(|total| total > CARDS);
    if !search.is_empty() {
        cards.retain(|Card { state, .. }| {
            search::finds(Some(&search), &[&state.device_name, &state.serial_number, &state.school_name])
        });
    }
    let (cards, pager) = Pager::cut_at(CARDS, "/", &[("search", &search)], query.page, cards);
    let chart = Chart::of(&hours);
    let page =
        OverviewPage { w: view.w, view, cards, pager, search, has_search, banners, total, urgent, is_all_well, chart };
    show_live(&page.view, &page, page.as_live())
}

/// Of the terminals that wait for a decision so many are named; the others are a number.
fn banners(view: &View, (cards, named): (&[Card], usize), unknown: i64, ailing: &[Ailing]) -> Vec<Banner> {
    let o = &view.w.overview;
    let mut banners = Vec::new();
    let waiting = || cards.iter().filter(|card| card.urgency() == Urgency::Waits);
    for Card { state, .. } in waiting().take(named) {
        let to = format!("/terminals/{}", state.id);
        match (state.condition(), state.user_count) {
            (Condition::Suspected, _) => {
                let text = o.suspected_banner.with("name", &state.device_name);
                banners.push(Banner { text, to, link: o.look });
            }
            (Condition::HoldsPeople, Some(people)) => {
                let text = o.people_banner.count(people).with("name", &state.device_name);
                banners.push(Banner { text, to, link: o.decide });
            }
            (Condition::HoldsPeople, None) => {
                let text = o.people_unknown.with("name", &state.device_name);
                banners.push(Banner { text, to, link: o.decide });
            }
            (Condition::Held, _) => {
                let text = o.held_banner.count(state.held()).with("name", &state.device_name);
                banners.push(Banner { text, to, link: o.decide });
            }
            _ => {}
        }
    }
    if let Some(next) = waiting().nth(named) {
        let text = if named > 0 { o.more_banner } else { o.waiting_banner };
        let text = text.count(waiting().count() - named);
        banners.push(Banner { text, to: format!("/#terminal-{}", next.state.id), link: o.look });
    }
    let h = &view.w.webhooks;
    let (off, failing): (Vec<_>, Vec<_>) = ailing.iter().partition(|endpoint| endpoint.off_reason.is_some());
    for (endpoints, text) in [(off, h.banner_off), (failing, h.banner_failing)] {
        let to = match endpoints[..] {
            [] => continue,
            [one] => format!("/webhooks/{}", one.id),
            _ => "/webhooks".to_owned(),
        };
        banners.push(Banner { text: text.count(endpoints.len()), to, link: o.look });
    }
    if unknown > 0 && view.may_change() {
        banners.push(Banner { text: o.unknown_banner.count(unknown), to: "/connect".to_owned(), link: o.look });
    }
    banners
}

impl Card {
    /// A terminal that is silent on a holiday was switched off with the school.
    fn urgency(&self) -> Urgency {
        use Condition::{Failed, Held, HoldsPeople, Offline, Suspected};
        match self.state.condition() {
            Suspected | HoldsPeople | Held => Urgency::Waits,
            Offline if self.is_holiday => Urgency::Fine,
            Failed | Offline => Urgency::Ails,
            _ => Urgency::Fine,
        }
    }

    pub fn new(w: &Words, state: TerminalState) -> Card {
        Card { badge: Badge::of(w, state.condition()), is_holiday: false, state }
    }

    /// How many of whom it should hold it holds: solid what it proved, light what it merely acknowledged. Never full while
    /// anything is unproven.
    pub fn bar(&self, w: &Words) -> Markup {
        let TerminalState { total, synced, verified, .. } = self.state;
        let words = w.overview.bar.with("verified", verified).with("synced", synced).with("total", total);
        let words = super::html::escape(&words.to_string());
        let part = |n: i64, is_all: bool| if is_all { 100 } else { (n * 100).checked_div(total).unwrap_or(0).min(97) };
        let proven = part(verified, verified == total && total > 0);
        let said = part(synced, verified == total && total > 0).max(proven);
        Markup(format!(
            "<svg class=\"bar\" viewBox=\"0 0 100 4\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{words}\">\
             <title>{words}</title>\
             <rect class=\"bar-all\" width=\"100\" height=\"4\"/><rect class=\"bar-said\" width=\"{said}\" height=\"4\"/>\
             <rect class=\"bar-proven\" width=\"{proven}\" height=\"4\"/></svg>"
        ))
    }

    /// How long the last change took from the roster to the terminal's yes.
    pub fn reach(&self, w: &Words) -> Option<Filled> {
        let (o, seconds) = (&w.overview, self.state.reach_seconds?);
        Some(match seconds {
            0..90 => o.seconds.count(seconds),
            90..5400 => o.minutes.count((seconds + 30) / 60),
            _ => o.hours.count((seconds + 1800) / 3600),
        })
    }

    /// Minutes that its clock is off, where that matters.
    pub fn clock_off(&self) -> Option<i64> {
        self.state.clock_skew_seconds.map(|seconds| seconds.abs() / 60).filter(|minutes| *minutes >= 3)
    }
}

impl Badge {
    pub fn of(w: &Words, condition: Condition) -> Badge {
        let o = &w.overview;
        let (word, mark, tone) = match condition {
            Condition::Suspected => (o.suspected, "alert", "bad"),
            Condition::HoldsPeople => (o.holds_people, "hand", "warn"),
            Condition::Held => (o.held, "hand", "warn"),
            Condition::Failed => (o.failed, "alert", "bad"),
            Condition::Offline => (o.offline, "off", "bad"),
            Condition::NeverCalled => (o.never_called, "dots", "quiet"),
            Condition::Drifted => (o.drifted, "differs", "warn"),
            Condition::Counting => (o.counting, "dots", "busy"),
            Condition::Updating => (o.updating, "arrows", "busy"),
            Condition::Unverifiable => (o.unverifiable, "ring", "calm"),
            Condition::Unverified => (o.unverified, "ring", "calm"),
            Condition::InStep => (o.in_step, "check", "good"),
            Condition::Empty => (o.empty, "dash", "quiet"),
            Condition::SwitchedOff => (o.switched_off, "dash", "quiet"),
        };
        Badge { word, mark, tone }
    }
}

impl Chart {
    const HEIGHT: i64 = 56;

    fn of(hours: &[(i64, i64)]) -> Chart {
        let mut counts = [0_i64; 24];
        for (hour, count) in hours {
            if let Some(slot) = usize::try_from(*hour).ok().and_then(|hour| counts.get_mut(hour)) {
                *slot += count;
            }
        }
        let most = counts.iter().copied().max().unwrap_or(0);
        let busiest = counts.iter().position(|count| *count == most).unwrap_or(0);
        let bar = |(hour, count): (usize, &i64)| {
            let height = (count * Chart::HEIGHT).checked_div(most).unwrap_or(0).max(i64::from(*count > 0) * 2);
            Bar { x: hour * 12 + 1, y: Chart::HEIGHT - height, height }
        };
        Chart {
            bars: counts.iter().enumerate().map(bar).filter(|bar| bar.height > 0).collect(),
            total: counts.iter().sum(),
            busiest: format!("{busiest:02}:00–{:02}:00", busiest + 1),
        }
    }
}
