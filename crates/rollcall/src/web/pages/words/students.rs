use super::words;

words! {
    /// The list of students, and one of them.
    Students {
        title: "Students" / "Estudiantes";
        new: "New student" / "Nuevo estudiante";
        import: "Import a file" / "Importar un archivo";
        search_hint: "Name, card or roll number" / "Nombre, tarjeta o número de lista";
        all_classes: "All classes" / "Todas las clases";
        active_and_not: "Active and inactive" / "Activos e inactivos";
        active: "Active" / "Activo";
        only_active: "Active" / "Activos";
        only_inactive: "Inactive" / "Inactivos";
        inactive: "Inactive" / "Inactivo";
        name: "Name" / "Nombre";
        card: "Card" / "Tarjeta";
        no_card: "no card" / "sin tarjeta";
        class: "Class" / "Clase";
        section: "Section" / "Sección";
        class_and_section: "Class and section" / "Clase y sección";
        no_class: "No class" / "Sin clase";
        roll_number: "Roll number" / "Número de lista";
        terminals: "Terminals" / "Terminales";
        on_terminals: "{n} of {total} terminals" / "{n} de {total} terminales";
        leaving: "leaving {n} terminal|leaving {n} terminals" / "saliendo de {n} terminal|saliendo de {n} terminales";
        nowhere: "on no terminal" / "en ningún terminal";
        failed_on: "failed on {n}|failed on {n}" / "falló en {n}|falló en {n}";
        none: "No student yet" / "Todavía no hay estudiantes";
        none_why:
            "Add the first one here, or bring a whole list as a file." /
            "Añada el primero aquí, o traiga una lista entera en un archivo.";
        card_hint:
            "Printed on the card, or as a reader types it. Without a card, a student is on no terminal." /
            "Impreso en la tarjeta, o como lo escribe un lector. Sin tarjeta no está en ningún terminal.";
        capture: "Take a card from a terminal" / "Tomar una tarjeta de un terminal";
        capture_lead:
            "Present the new card at the terminal, then press within a minute. Access units report which card it was. Attendance terminals say nothing about a card that they do not know: there, enrol somebody with the card at the keypad (Menu → User Mgt. → New User), and press within ten minutes." /
            "Acerque la tarjeta nueva al terminal y pulse antes de un minuto. Las unidades que abren puertas dicen qué tarjeta era. Los terminales de asistencia no dicen nada de una tarjeta que no conocen: allí, registre a alguien con la tarjeta en el teclado (Menú → Gestión de usuarios → Nuevo usuario) y pulse antes de diez minutos.";
        capture_at: "Terminal" / "Terminal";
        take_card: "Take the card" / "Tomar la tarjeta";
        card_taken: "This card was presented at {name}." / "Esta tarjeta se acercó a {name}.";
        card_of: "This is the card of {who} at {name}." / "Esta es la tarjeta de {who} en {name}.";
        no_new_card:
            "{name} reported no unknown card. Present the card again, wait three seconds, and press." /
            "{name} no informó de ninguna tarjeta desconocida. Acérquela de nuevo, espere tres segundos y pulse.";
        create: "Add the student" / "Añadir al estudiante";
        created: "{name} is added." / "{name} fue añadido.";
        changed: "{name} is changed." / "{name} fue cambiado.";
        created_for:
            "{name} is added and on the way to {n} terminal.|{name} is added and on the way to {n} terminals." /
            "{name} fue añadido y va en camino a {n} terminal.|{name} fue añadido y va en camino a {n} terminales.";
        deactivate: "Deactivate" / "Desactivar";
        deactivate_why:
            "The student stays in the list, with all punches, and is removed from {n} terminal.|The student stays in the list, with all punches, and is removed from {n} terminals." /
            "Sigue en la lista y conserva sus marcaciones, y se elimina de {n} terminal.|Sigue en la lista y conserva sus marcaciones, y se elimina de {n} terminales.";
        activate: "Activate again" / "Activar de nuevo";
        activate_why:
            "The student returns to {n} terminal, given a card.|The student returns to {n} terminals, given a card." /
            "Vuelve a {n} terminal, si tiene tarjeta.|Vuelve a {n} terminales, si tiene tarjeta.";
        deactivated: "{name} is deactivated." / "{name} fue desactivado.";
        activated: "{name} is active again." / "{name} está activo de nuevo.";
        delete: "Delete" / "Eliminar";
        delete_title: "Delete this student" / "Eliminar a este estudiante";
        delete_why:
            "The student will be removed from {n} terminal and from this list. Punches are kept. This cannot be undone.|The student will be removed from {n} terminals and from this list. Punches are kept. This cannot be undone." /
            "Se eliminará de {n} terminal y de esta lista. Sus marcaciones se conservan. No se puede deshacer.|Se eliminará de {n} terminales y de esta lista. Sus marcaciones se conservan. No se puede deshacer.";
        delete_sure: "Yes, delete {name}" / "Sí, eliminar a {name}";
        deleted: "{name} is deleted." / "{name} fue eliminado.";
        on_each: "On each terminal" / "En cada terminal";
        no_terminals: "The school has no terminal yet." / "El colegio todavía no tiene terminales.";
        state: "State" / "Estado";
        pin: "PIN" / "PIN";
        reason: "Why" / "Por qué";
        history: "History" / "Historial";
        history_on: "History on {name}" / "Historial en {name}";
        verified: "Verified" / "Verificado";
        synced: "Synced" / "Sincronizado";
        pending: "Pending" / "Pendiente";
        sent: "Sent" / "Enviado";
        failed: "Failed" / "Fallido";
        held: "Waits for a decision" / "Espera una decisión";
        kept: "Kept by decision" / "Conservado por decisión";
        removing: "Being removed" / "Eliminándose";
        absent: "Not on it" / "No está";
        not_synced: "Not synced" / "No sincronizado";
        punches: "Punches" / "Marcaciones";
        edit: "Student" / "Estudiante";
    }
}
