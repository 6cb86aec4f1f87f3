//! Tables for spreadsheets. What is in a cell is text, whatever it begins with: nobody's name becomes a formula.

use axum::response::{IntoResponse, Response};
use http::header;
use rust_xlsxwriter::{Format, Workbook, XlsxError};

use super::error::ApiError;

/// A table: the first row names the columns.
#[derive(Clone, Debug, Default)]
pub struct Sheet {
    pub name: String,
    pub header: Vec<String>,
    pub rows: Vec<Vec<String>>,
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
        for row in std::iter::once(&self.header).chain(&self.rows) {
            let cells: Vec<String> = row.iter().map(|cell| quoted(&harmless(cell))).collect();
            text.push_str(&cells.join(","));
            text.push_str("\r\n");
        }
        text
    }

    /// Its cells are strings, which a spreadsheet never reads as formulas.
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
            for (column, text) in (0_u16..).zip(cells) {
                sheet.write_string(row, column, text)?;
            }
        }
        sheet.set_freeze_panes(1, 0)?;
        sheet.autofit();
        book.save_to_buffer()
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
    use super::*;

    #[test]
    fn nobody_is_a_formula() {
        let rows = ["=1+1", "+49", "-3", "@SUM(A1)", "\t=1", "Ñusta", "a,\"b\""].map(|cell| vec![cell.to_owned()]);
        let sheet = Sheet { name: "5/A".to_owned(), header: vec!["Name".to_owned()], rows: rows.to_vec() };
        let expected = "\u{FEFF}Name\r\n'=1+1\r\n'+49\r\n'-3\r\n'@SUM(A1)\r\n'\t=1\r\nÑusta\r\n\"a,\"\"b\"\"\"\r\n";
        assert_eq!(sheet.csv(), expected);
        assert!(sheet.xlsx().unwrap().starts_with(b"PK"));
    }
}
