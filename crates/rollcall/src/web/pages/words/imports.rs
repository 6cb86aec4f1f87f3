use super::words;

words! {
    /// Students from a file: which file, what it would do, and doing it.
    Imports {
        title: "Import" / "Importar";
        lead:
            "Bring a list of students as a file. You see what it would change before anything is written." /
            "Traiga una lista de estudiantes en un archivo. Verá qué cambiaría antes de que se escriba nada.";
        file: "File" / "Archivo";
        file_hint:
            "CSV as a spreadsheet saves it, or a zip of OneRoster files. At most 10 MB." /
            "CSV como lo guarda una hoja de cálculo, o un zip de archivos OneRoster. Como máximo 10 MB.";
        file_hint_school:
            "CSV as a spreadsheet saves it. At most 10 MB." /
            "CSV como lo guarda una hoja de cálculo. Como máximo 10 MB.";
        no_file: "Choose a file first." / "Elija primero un archivo.";
        no_school: "Choose a school first." / "Elija primero un colegio.";
        too_large: "A file may have at most 10 MB." / "Un archivo puede tener como máximo 10 MB.";
        template: "Download a file to fill in" / "Descargar un archivo para rellenar";
        columns_lead:
            "The first line names the columns. Name and card suffice; class, section, roll number and whether somebody is active may be there, in any order. If your columns have other names, you say on the next page which is which." /
            "La primera línea nombra las columnas. Bastan el nombre y la tarjeta; pueden estar la clase, la sección, el número de lista y si alguien está activo, en cualquier orden. Si sus columnas tienen otros nombres, en la página siguiente dice cuál es cuál.";
        look: "Look at what it would do" / "Ver qué haría";
        kept_hint:
            "The file is kept for an hour, for you alone, and is gone when you apply or drop it." /
            "El archivo se guarda una hora, solo para usted, y desaparece cuando lo aplica o lo descarta.";
        missing_students: "Students who are not in the file" / "Estudiantes que no están en el archivo";
        merge: "stay as they are" / "se quedan como están";
        replace: "are deactivated" / "se desactivan";
        cards_in: "Where the cards are" / "Dónde están las tarjetas";
        cards_metadata: "users.csv, metadata.rfid_card_id" / "users.csv, metadata.rfid_card_id";
        cards_identifier: "users.csv, identifier" / "users.csv, identifier";
        preview: "What it would do" / "Qué haría";
        nothing_written: "Nothing is written yet." / "Todavía no se ha escrito nada.";
        columns: "Which column is which" / "Qué columna es cuál";
        columns_unknown:
            "The file names its columns in its own way. Say which is which." /
            "El archivo nombra sus columnas a su manera. Diga cuál es cuál.";
        not_there: "not in the file" / "no está en el archivo";
        column_number: "column {n}" / "columna {n}";
        active: "Active" / "Activo";
        use_columns: "Look again" / "Ver de nuevo";
        ignored: "Columns that mean nothing here: {names}" / "Columnas que aquí no significan nada: {names}";
        added: "Added" / "Añadidos";
        changed: "Changed" / "Cambiados";
        unchanged: "Unchanged" / "Sin cambios";
        deactivated: "Deactivated" / "Desactivados";
        left: "To another school" / "A otra escuela";
        rejected: "Rejected lines" / "Líneas rechazadas";
        line: "Line" / "Línea";
        reason: "Why" / "Por qué";
        before: "Before" / "Antes";
        after: "After" / "Después";
        new_classes: "{n} new class|{n} new classes" / "{n} clase nueva|{n} clases nuevas";
        and_more: "and {n} more|and {n} more" / "y {n} más|y {n} más";
        held_removals:
            "{name}: {n} removal will wait for a decision.|{name}: {n} removals will wait for a decision." /
            "{name}: {n} eliminación esperará una decisión.|{name}: {n} eliminaciones esperarán una decisión.";
        held_cards:
            "{name}: {n} change of card will wait for a decision.|{name}: {n} changes of card will wait for a decision." /
            "{name}: {n} cambio de tarjeta esperará una decisión.|{name}: {n} cambios de tarjeta esperarán una decisión.";
        let_go_removals:
            "{name}: {n} removal leaves at once, because the new school year is open.|{name}: {n} removals leave at once, because the new school year is open." /
            "{name}: {n} eliminación sale enseguida, porque el nuevo año escolar está abierto.|{name}: {n} eliminaciones salen enseguida, porque el nuevo año escolar está abierto.";
        let_go_cards:
            "{name}: {n} change of card leaves at once, because the new school year is open.|{name}: {n} changes of card leave at once, because the new school year is open." /
            "{name}: {n} cambio de tarjeta sale enseguida, porque el nuevo año escolar está abierto.|{name}: {n} cambios de tarjeta salen enseguida, porque el nuevo año escolar está abierto.";
        expected:
            "Is this intended, because a new school year begins?" /
            "¿Es lo previsto, porque empieza un año escolar?";
        open_year: "Open a new school year in the settings" / "Abra un nuevo año escolar en los ajustes";
        nothing_to_do: "The file says what the database already says." / "El archivo dice lo que la base de datos ya dice.";
        apply: "Apply" / "Aplicar";
        drop: "Drop the file" / "Descartar el archivo";
        dropped: "The file is dropped. Nothing was written." / "El archivo se descartó. No se escribió nada.";
        gone:
            "This file is gone: it was kept for an hour. Choose it again." /
            "Este archivo ya no está: se guardó una hora. Elíjalo de nuevo.";
        otherwise:
            "Somebody changed students meanwhile, so the file would do something else now. Nothing was written: look again." /
            "Alguien cambió estudiantes entretanto, así que el archivo haría ahora otra cosa. No se escribió nada: mire de nuevo.";
        interrupted:
            "The server was stopped before the list was written. Nothing was written: apply it again." /
            "El servidor se detuvo antes de escribir la lista. No se escribió nada: aplíquela de nuevo.";
        not_applied: "It could not be applied, and nothing was written: {why}." / "No se pudo aplicar, y no se escribió nada: {why}.";
        applying: "Applying the list" / "Aplicando la lista";
        applied: "The list is applied" / "La lista está aplicada";
        is_writing:
            "The list is being written: all of it or nothing." /
            "Se está escribiendo la lista: toda o nada.";
        is_writing_of:
            "The list is being written, all of it or nothing: {done} of {all} students." /
            "Se está escribiendo la lista, toda o nada: {done} de {all} estudiantes.";
        is_following:
            "All of it is written. What changes on terminals is being queued: {done} of {all} terminals." /
            "Está toda escrita. Lo que cambia en los terminales se pone en cola: {done} de {all} terminales.";
        may_close:
            "You may close this page: it goes on, and the result stays here for an hour." /
            "Puede cerrar esta página: continúa, y el resultado queda aquí durante una hora.";
        all_written:
            "All of it is written, and queued for the terminals." /
            "Está toda escrita, y en cola para los terminales.";
        left_to_others:
            "All of it is written. The server was stopped meanwhile; what is left for the terminals is queued by itself." /
            "Está toda escrita. Entretanto el servidor se detuvo; lo que falta para los terminales se pone en cola por sí solo.";
        on_terminals: "On the terminals" / "En los terminales";
        done_held: "{n} change on terminals waits for a decision.|{n} changes on terminals wait for a decision." / "{n} cambio en terminales espera una decisión.|{n} cambios en terminales esperan una decisión.";
        schools: "Schools in the files" / "Colegios en los archivos";
        is_new: "new" / "nuevo";
    }
}
