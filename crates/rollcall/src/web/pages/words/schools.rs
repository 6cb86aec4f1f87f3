use super::words;

words! {
    /// Where one chooses among many schools.
    Schools {
        title: "Choose a school" / "Elegir un colegio";
        other: "Another school" / "Otro colegio";
        lead: "Every page is then about that school." / "Todas las páginas tratarán entonces de ese colegio.";
        lead_one:
            "That page is about one school: choose which one, and you are back there." /
            "Esa página trata de un solo colegio: elija cuál y volverá a ella.";
        search_hint: "Part of the name" / "Parte del nombre";
        terminals: "Terminals" / "Terminales";
        students: "Students with a card" / "Estudiantes con tarjeta";
        chosen: "Chosen" / "Elegido";
    }
}
