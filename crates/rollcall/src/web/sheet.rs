//! Tables for spreadsheets. Text stays text, whatever it begins with: nobody's name becomes a formula. Days, times and numbers
//! are such, so that a spreadsheet sorts them and calculates with them.

use std::iter;

use axum::response::{IntoResponse, Response};
use http::header;
use jiff::civil::{Date, Time};
use rust_xlsxwriter::{ExcelDateTime, Format, Workbook, Worksheet, XlsxError};

use super::error::ApiError;

/// A table: the first row names the columns.
#[derive(Clone, Debug, Default)]
pub struct Sheet {
    pub name: String,
    pub header: Vec<String>,
    pub rows: Vec<Vec<Cell>>,
}

/// What is in a cell.
#[derive(Clone, PartialEq, Debug)]
pub enum Cell {
    Text(String),
    Number(i64),
    Day(Date),
    Time(Time),
}

/// A file that a spreadsheet opens.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Csv,
    Xlsx,
}

impl Sheet {
    /// The answer that saves it under this name, which is ASCII.
    pub fn answer(&self, kind: Kind, file_name: &str) -> Result<Response, ApiError> {
        let (body, content_type, end) = match kind {
            Kind::Csv => (self.csv().into_bytes(), "text/csv; charset=utf-8", "csv"),
            Kind::Xlsx => (
                self.xlsx().map_err(ApiError::internal)?,
                "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
                "xlsx",
            ),
        };
        let disposition = format!("attachment; filename=\"{file_name}.{end}\"");
        let headers = [(header::CONTENT_TYPE, content_type.to_owned()), (header::CONTENT_DISPOSITION, disposition)];
        Ok((headers, body).into_response())
    }

    /// With the mark by which spreadsheets know UTF-8.
    pub fn csv(&self) -> String {
        let mut text = String::from("\u{FEFF}");
        let header = self.header.iter().map(|name| quoted(&harmless(name))).collect();
        let rows = self.rows.iter().map(|row| row.iter().map(Cell::csv).collect());
        for cells in iter::once(header).chain(rows) {
            let cells: Vec<String> = cells;
            text.push_str(&cells.join(","));
            text.push_str("\r\n");
        }
        text
    }

    /// Its texts are strings, which a spreadsheet never reads as formulas.
    pub fn xlsx(&self) -> Result<Vec<u8>, XlsxError> {
        let mut book = Workbook::new();
        let sheet = book.add_worksheet();
        // At most 31 characters, and not these.
        let name: String = self.name.chars().filter(|letter| !"[]:*?/\\'".contains(*letter)).take(31).collect();
        if !name.trim().is_empty() {
            sheet.set_name(name)?;
        }
        let bold = Format::new().set_bold();
        for (column, text) in (0_u16..).zip(&self.header) {
            sheet.write_string_with_format(0, column, text, &bold)?;
        }
        for (row, cells) in (1_u32..).zip(&self.rows) {
            for (column, cell) in (0_u16..).zip(cells) {
                cell.write(sheet, row, column)?;
            }
        }
        sheet.set_freeze_panes(1, 0)?;
        sheet.autofit();
        book.save_to_buffer()
    }
}

impl Cell {
    fn csv(&self) -> String {
        match self {
            Cell::Text(text) => quoted(&harmless(text)),
            Cell::Number(number) => number.to_string(),
            Cell::Day(day) => day.to_string(),
            Cell::Time(time) => time.strftime("%H:%M:%S").to_string(),
        }
    }

    fn write(&self, sheet: &mut Worksheet, row: u32, column: u16) -> Result<(), XlsxError> {
        match self {
            Cell::Text(text) => sheet.write_string(row, column, text)?,
            #[expect(clippy::cast_precision_loss, reason = "a spreadsheet knows no other numbers")]
            Cell::Number(number) => sheet.write_number(row, column, *number as f64)?,
            Cell::Day(day) => match ExcelDateTime::parse_from_str(&day.to_string()) {
                Ok(at) => {
                    sheet.write_datetime_with_format(row, column, at, &Format::new().set_num_format("yyyy-mm-dd"))?
                }
                // Its days begin in 1900.
                Err(_) => sheet.write_string(row, column, day.to_string())?,
            },
            Cell::Time(time) => {
                let at = ExcelDateTime::parse_from_str(&time.strftime("%H:%M:%S").to_string())?;
                sheet.write_datetime_with_format(row, column, at, &Format::new().set_num_format("hh:mm:ss"))?
            }
        };
        Ok(())
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Cell {
        Cell::Text(text.to_owned())
    }
}

/// A spreadsheet that opens CSV takes what begins so for a formula. An apostrophe says that it is text.
fn harmless(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell.to_owned() }
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r', ';']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read as _};

    use jiff::civil::{date, time};
    use zip::ZipArchive;

    use super::*;

    #[test]
    fn nobody_is_a_formula() {
        let rows = ["=1+1", "+49", "-3", "@SUM(A1)", "\t=1", "Ñusta", "a,\"b\""].map(|cell| vec![Cell::from(cell)]);
        let sheet = Sheet { name: "5/A".to_owned(), header: vec!["Name".to_owned()], rows: rows.to_vec() };
        let expected = "\u{FEFF}Name\r\n'=1+1\r\n'+49\r\n'-3\r\n'@SUM(A1)\r\n'\t=1\r\nÑusta\r\n\"a,\"\"b\"\"\"\r\n";
        assert_eq!(sheet.csv(), expected);
        assert!(sheet.xlsx().unwrap().starts_with(b"PK"));
    }
    #[test]
    fn numbers_days_and_times_are_no_texts() {
        let day = vec![Cell::Day(date(2026, 3, 9)), Cell::Time(time(7, 5, 30, 0)), Cell::Number(2), Cell::from("007")];
        let header = ["Day", "First punch", "Punches", "Roll number"].map(ToOwned::to_owned).to_vec();
        let sheet = Sheet { name: "Attendance".to_owned(), header, rows: vec![day] };
        let expected = "\u{FEFF}Day,First punch,Punches,Roll number\r\n2026-03-09,07:05:30,2,007\r\n";
        assert_eq!(sheet.csv(), expected);
        let mut book = ZipArchive::new(Cursor::new(sheet.xlsx().unwrap())).unwrap();
        let mut cells = String::new();
        book.by_name("xl/worksheets/sheet1.xml").unwrap().read_to_string(&mut cells).unwrap();
        // A day is a number of days, a time a part of one; `t="s"` is a text.
        for cell in ["r=\"A2\" s=\"2\"><v>46090</v>", "r=\"C2\"><v>2</v>", "r=\"D2\" t=\"s\">"] {
            assert!(cells.contains(cell), "{cell} in {cells}");
        }
        assert!(cells.contains("r=\"B2\" s=\"3\"><v>0.2954"), "{cells}");
        assert!(
            Sheet { rows: vec![vec![Cell::Day(date(26, 3, 9))]], ..sheet }.xlsx().is_ok(),
            "a year typed too short"
        );
    }
}
