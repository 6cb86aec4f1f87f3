//! The words of the security dialect (SEC4.8 §12). Keys are capitalised on the way down: a key in small letters makes a
//! person without a PIN, one that the unit does not know is passed over, and in a delete it acts as "no filter", all of it
//! with `Return=0` (SF-repo). So every text here is built from a value with a checked PIN, and from no other key.

use super::{Command, RenderError, without_controls};
use crate::text::CardForm;

/// The time zone "always" and the first door: what a unit has before anybody sets it up (SF-repo).
const ALWAYS_AT_THE_DOOR: &str = "AuthorizeTimezoneId=1\tAuthorizeDoorId=1";

/// The text behind `C:<id>:`, without line end.
///
/// A person is written with `Group=1` and `Privilege=0`, for the reasons that the attendance dialect has them. An update
/// keeps what it does not name: biometrics and door rights (SF-repo).
pub(super) fn render(command: &Command) -> Result<String, RenderError> {
    let word = word(command);
    Ok(match command {
        Command::PutUser { pin, name, card } => {
            // Access units write and read cards in decimal (SEC4.8 §10.5).
            let form = CardForm::Decimal;
            let card = card.map_or_else(|| Ok(form.no_card().to_owned()), |card| card.to_wire(form))?;
            format!("{word} CardNo={card}\tPin={pin}\tGroup=1\tName={}\tPrivilege=0", name.as_str())
        }
        Command::PutDoorRight { pin } => format!("{word} Pin={pin}\t{ALWAYS_AT_THE_DOOR}"),
        Command::DeleteUser { pin } | Command::DeleteDoorRight { pin } => format!("{word} Pin={pin}"),
        // The filter follows SEC4.8 §12.1.4; it was not seen on the wire.
        Command::QueryUser { pin } => format!("{word}={pin}"),
        // A comma would begin the next option (SEC4.8 §12).
        Command::SetOption { key, value } => format!("{word} {key}={}", without_controls(value).replace(',', " ")),
        Command::CountUsers | Command::QueryUsers | Command::Reboot => word.to_owned(),
        Command::QueryPunches { .. } | Command::Info | Command::Check | Command::ReloadOptions => {
            return Err(RenderError::Dialect);
        }
    })
}

/// See [`Command::word`]. What this dialect has no words for is named as in the attendance dialect.
pub(super) fn word(command: &Command) -> &'static str {
    match command {
        Command::PutUser { .. } => "DATA UPDATE user",
        Command::DeleteUser { .. } => "DATA DELETE user",
        Command::PutDoorRight { .. } => "DATA UPDATE userauthorize",
        Command::DeleteDoorRight { .. } => "DATA DELETE userauthorize",
        Command::CountUsers => "DATA COUNT user",
        Command::QueryUsers => "DATA QUERY tablename=user,fielddesc=*,filter=*",
        Command::QueryUser { .. } => "DATA QUERY tablename=user,fielddesc=*,filter=Pin",
        Command::SetOption { .. } => "SET OPTIONS",
        Command::Reboot => "CONTROL DEVICE 03000000",
        Command::QueryPunches { .. } => "DATA QUERY ATTLOG",
        Command::Info => "INFO",
        Command::Check => "CHECK",
        Command::ReloadOptions => "RELOAD OPTIONS",
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::{
        command::{Manner, Vocabulary},
        dialect::Dialect,
        text::{Card, Charset, Name, Pin},
    };

    const ACCESS: Manner = Manner {
        dialect: Dialect::Security,
        vocabulary: Vocabulary::UserInfo,
        card_form: CardForm::Bracket,
        charset: Charset::Utf8,
    };

    #[test]
    fn people_and_their_rights_in_capitals() {
        let pin = Pin::from(1042);
        let name = Name::fit("Ayşe Demir", Charset::Utf8).unwrap();
        let put = |card| Command::PutUser { pin: pin.clone(), name: name.clone(), card };
        let card = Card::new(123_456_789).ok();
        let texts = [
            (put(card), "DATA UPDATE user CardNo=123456789\tPin=1042\tGroup=1\tName=Ayşe Demir\tPrivilege=0"),
            (put(None), "DATA UPDATE user CardNo=\tPin=1042\tGroup=1\tName=Ayşe Demir\tPrivilege=0"),
            (Command::DeleteUser { pin: pin.clone() }, "DATA DELETE user Pin=1042"),
            (
                Command::PutDoorRight { pin: pin.clone() },
                "DATA UPDATE userauthorize Pin=1042\tAuthorizeTimezoneId=1\tAuthorizeDoorId=1",
            ),
            (Command::DeleteDoorRight { pin: pin.clone() }, "DATA DELETE userauthorize Pin=1042"),
            (Command::CountUsers, "DATA COUNT user"),
            (Command::QueryUsers, "DATA QUERY tablename=user,fielddesc=*,filter=*"),
            (Command::QueryUser { pin }, "DATA QUERY tablename=user,fielddesc=*,filter=Pin=1042"),
            (Command::SetOption { key: "VOLUME", value: "4,A=5\n".to_owned() }, "SET OPTIONS VOLUME=4 A=5 "),
            (Command::Reboot, "CONTROL DEVICE 03000000"),
        ];
        for (command, text) in texts {
            assert_eq!(command.render(ACCESS).unwrap(), text);
            assert!(text.starts_with(command.word(ACCESS)), "{text}");
        }
    }

    #[test]
    fn what_a_dialect_has_no_words_for_is_not_said() {
        let time = date(2026, 3, 1).at(10, 0, 0, 0);
        let attendance = Manner { dialect: Dialect::Attendance, ..ACCESS };
        for command in
            [Command::Info, Command::Check, Command::ReloadOptions, Command::QueryPunches { from: time, to: time }]
        {
            assert_eq!(command.render(ACCESS), Err(RenderError::Dialect), "{command:?}");
        }
        let pin = Pin::from(7);
        for command in [Command::PutDoorRight { pin: pin.clone() }, Command::DeleteDoorRight { pin }] {
            assert_eq!(command.render(attendance), Err(RenderError::Dialect), "{command:?}");
        }
    }
}
