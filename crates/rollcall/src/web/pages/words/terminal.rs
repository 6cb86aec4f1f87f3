use super::words;

words! {
    /// The page of one terminal.
    Terminal {
        students: "Students" / "Estudiantes";
    }
}
