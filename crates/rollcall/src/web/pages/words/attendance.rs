use super::words;

words! {
    /// The register of a day, and punches as they come.
    Attendance {
        title: "Attendance" / "Asistencia";
        day: "Day" / "Día";
        previous_day: "Previous day" / "Día anterior";
        next_day: "Next day" / "Día siguiente";
        today: "Today" / "Hoy";
        came: "Who" / "Quién";
        everybody: "Everybody" / "Todos";
        present: "On time" / "A tiempo";
        late: "Late" / "Tarde";
        absent: "No punch" / "Sin marcación";
        by_class: "By class" / "Por clase";
        without_class: "Without a class" / "Sin clase";
        class_sum: "{came} of {total} came" / "Vinieron {came} de {total}";
        class_absent: "{n} without a punch|{n} without a punch" / "{n} sin marcación|{n} sin marcación";
        register: "Register" / "Registro";
        first_punch: "First punch" / "Primera marcación";
        last_punch: "Last punch" / "Última marcación";
        punches: "Punches" / "Marcaciones";
        state: "State" / "Estado";
        feed: "As they come" / "A medida que llegan";
        feed_none: "No punch on this day." / "Ninguna marcación en este día.";
        unknown_pin: "PIN {pin}, nobody's" / "PIN {pin}, de nadie";
        holiday: "Holiday: {name}" / "Festivo: {name}";
        export: "Export" / "Exportar";
        export_from: "From" / "Desde";
        export_to: "To" / "Hasta";
        export_csv: "CSV" / "CSV";
        export_xlsx: "Excel" / "Excel";
        export_hint:
            "One row per student and school day, at most 31 days. Times are those of the terminals." /
            "Una fila por estudiante y día escolar, como máximo 31 días. Las horas son las de los terminales.";
        too_long: "At most 31 days at once." / "Como máximo 31 días a la vez.";
        of_student: "Punches of {name}" / "Marcaciones de {name}";
        time: "Time" / "Hora";
        terminal: "Terminal" / "Terminal";
        which_school: "Which school?" / "¿Qué colegio?";
        nobody: "No student here." / "Aquí no hay estudiantes.";
        see_all: "Show" / "Mostrar";
    }
}
