use super::words;

words! {
    /// The pages of one terminal.
    Terminal {
        title: "{name}: students" / "{name}: estudiantes";
        title_of: "{page}, {name}" / "{page}, {name}";
        tabs: "About this terminal" / "Sobre este terminal";
        students: "Students" / "Estudiantes";
        drift: "Differences" / "Diferencias";
        commands: "Commands" / "Comandos";
        about: "What it is" / "Qué es";
        settings: "Settings" / "Ajustes";

        sync_all: "Sync all students" / "Sincronizar todos los estudiantes";
        sync_what:
            "Sends all {n} student to this terminal again, whatever was done before. Nobody is removed first.|Sends all {n} students to this terminal again, whatever was done before. Nobody is removed first." /
            "Envía de nuevo {n} estudiante a este terminal, sin importar lo hecho antes. A nadie se le elimina primero.|Envía de nuevo los {n} estudiantes a este terminal, sin importar lo hecho antes. A nadie se le elimina primero.";
        sync_rate:
            "It takes {batch} per call and calls every {delay} seconds: {time}." /
            "Acepta {batch} por llamada y llama cada {delay} segundos: {time}.";
        under_a_minute: "less than a minute" / "menos de un minuto";
        minutes: "about {n} minute|about {n} minutes" / "alrededor de {n} minuto|alrededor de {n} minutos";
        sync_now: "Send all {n}|Send all {n}" / "Enviar {n}|Enviar los {n}";
        synced_again: "Queued for {n} student.|Queued for {n} students." / "En cola para {n} estudiante.|En cola para {n} estudiantes.";
        nothing_queued:
            "Nothing is queued yet: everybody will be, once the terminal may be written to." /
            "Aún no hay nada en cola: se pondrá a todos cuando se pueda escribir en el terminal.";
        verify: "Verify now" / "Verificar ahora";
        verify_begun: "The terminal is asked on its next calls whom it holds." / "Se pregunta al terminal a quién tiene, en sus próximas llamadas.";
        verify_waits: "The terminal is read back when it calls." / "El terminal se lee cuando llame.";
        reading: "It is being asked whom it holds." / "Se le está preguntando a quién tiene.";
        when_connected:
            "The terminal is offline. What you ask for will run when it connects." /
            "El terminal está sin conexión. Lo que pida se ejecutará cuando se conecte.";
        is_off:
            "The terminal is switched off in its settings: nothing is sent to it." /
            "El terminal está desactivado en sus ajustes: no se le envía nada.";

        progress: "{done} of {total} acknowledged" / "{done} de {total} confirmados";
        left: "{time} to go" / "faltan {time}";

        held: "{n} change waits for your decision|{n} changes wait for your decision" / "{n} cambio espera su decisión|{n} cambios esperan su decisión";
        held_who: "Who they are" / "Quiénes son";
        held_removal: "would be removed" / "se eliminaría";
        held_card: "would get another card" / "recibiría otra tarjeta";
        held_stranger: "a stranger, would be removed" / "un extraño, se eliminaría";
        held_more: "and {n} more|and {n} more" / "y {n} más|y {n} más";
        approve: "Do it" / "Hacerlo";
        approve_hint: "The changes leave with the next calls." / "Los cambios salen con las próximas llamadas.";
        reject: "Keep them as they are" / "Dejarlos como están";
        approved: "Approved. The changes leave with the next calls." / "Aprobado. Los cambios salen con las próximas llamadas.";
        rejected: "Rejected. The terminal keeps these people as they are." / "Rechazado. El terminal mantiene a estas personas como están.";
        suspected: "This may be another device under the same serial number" / "Puede ser otro aparato con el mismo número de serie";
        suspected_key:
            "It announced another communication key than before. It last called from {last}." /
            "Anunció otra clave de comunicación que antes. Llamó por última vez desde {last}.";
        suspected_addresses:
            "It calls from {last} and {former} in turn." /
            "Llama por turnos desde {last} y {former}.";
        suspected_what:
            "Its punches are stored. Nothing else that it says counts, and it is handed nothing." /
            "Sus marcaciones se guardan. Nada más de lo que dice cuenta, y no se le entrega nada.";
        suspected_hint:
            "Find out first whether a second device calls. A reset unit, one with cable and radio, or a router with two ways out looks the same and is harmless." /
            "Averigüe primero si llama un segundo aparato. Una unidad restablecida, una con cable y radio, o un router con dos salidas se ve igual y es inofensivo.";
        confirm: "It is our terminal" / "Es nuestro terminal";
        confirmed:
            "Confirmed. What waits for it leaves with its next calls." /
            "Confirmado. Lo que espera sale con sus próximas llamadas.";
        takeover: "This terminal already holds people" / "Este terminal ya tiene personas";
        takeover_what:
            "It says that it holds {n} person. Nothing is written until you decide.|It says that it holds {n} people. Nothing is written until you decide." /
            "Dice que tiene {n} persona. No se escribe nada hasta que usted decida.|Dice que tiene {n} personas. No se escribe nada hasta que usted decida.";
        takeover_unknown:
            "It does not say how many people it holds. Nothing is written until you decide." /
            "No dice cuántas personas tiene. No se escribe nada hasta que usted decida.";
        takeover_add_hint:
            "The students are written beside the people who are there, under numbers that nobody there can have. To begin with an empty terminal instead, empty it at its own menu." /
            "Los estudiantes se escriben junto a las personas que ya están, con números que nadie allí puede tener. Para empezar con un terminal vacío, vacíelo en su propio menú.";
        takeover_add: "Write the students beside them" / "Escribir a los estudiantes junto a ellos";
        taken_over: "The students are written beside the people who are there." / "Los estudiantes se escriben junto a las personas que ya están.";

        numbers: "Students by state" / "Estudiantes por estado";
        total: "All" / "Todos";
        synced: "Synced" / "Sincronizado";
        verified: "Verified" / "Verificado";
        unverified: "Not verified yet" / "Aún sin verificar";
        pending: "Pending" / "Pendiente";
        sent: "Sent" / "Enviado";
        failed: "Failed" / "Fallido";
        not_synced: "Not synced" / "No sincronizado";
        row_held: "Waits for a decision" / "Espera una decisión";
        row_kept: "Kept by decision" / "Se queda por decisión";

        search_hint: "Name, card or PIN" / "Nombre, tarjeta o PIN";
        state: "State" / "Estado";
        class: "Class" / "Clase";
        sort: "Order" / "Orden";
        by_name: "by name" / "por nombre";
        by_class: "by class" / "por clase";
        by_pin: "by PIN" / "por PIN";
        by_status: "what needs attention first" / "primero lo que requiere atención";
        by_synced: "latest synced first" / "primero lo último sincronizado";
        name: "Name" / "Nombre";
        card: "Card" / "Tarjeta";
        pin: "PIN" / "PIN";
        last_synced: "Last synced" / "Última sincronización";
        verified_at: "Verified" / "Verificado";
        reason: "Why" / "Por qué";
        deed: "What to do" / "Qué hacer";
        retry: "Retry" / "Reintentar";
        retry_named: "Retry {name}" / "Reintentar {name}";
        retried: "Queued again." / "De nuevo en cola.";
        nobody: "Nobody belongs on this terminal yet." / "Todavía nadie pertenece a este terminal.";
        nobody_why:
            "Students belong here who are active and have a card." /
            "Pertenecen aquí los estudiantes activos que tienen tarjeta.";

        same: "Same" / "Igual";
        different: "Different" / "Diferente";
        only_here: "Only here" / "Solo aquí";
        only_there: "Only on the terminal" / "Solo en el terminal";
        stranger: "stranger" / "extraño";
        left_school: "left, still there" / "se fue, sigue ahí";
        what: "What" / "Qué";
        field: "Field" / "Campo";
        ours: "Here" / "Aquí";
        theirs: "On the terminal" / "En el terminal";
        found: "Found" / "Encontrado";
        done_about_it: "What is done about it" / "Qué se hace";
        field_name: "name" / "nombre";
        field_card: "card" / "tarjeta";
        push: "Push ours" / "Enviar lo nuestro";
        push_named: "Push our version of {name}" / "Enviar nuestra versión de {name}";
        remove_again: "Remove again" / "Eliminar de nuevo";
        remove_again_named: "Remove {name} again" / "Eliminar de nuevo a {name}";
        nothing_differs: "Nothing differs, as far as the terminal was read." / "Nada difiere, hasta donde se leyó el terminal.";
        last_read: "Last read" / "Última lectura";
        was_complete: "complete: it reported as many people as it counts" / "completa: informó de tantas personas como cuenta";
        was_incomplete: "not complete" / "incompleta";

        number: "Number" / "Número";
        command: "Command" / "Comando";
        add_user: "Add a person" / "Añadir a una persona";
        update_user: "Update a person" / "Actualizar a una persona";
        delete_user: "Remove a person" / "Eliminar a una persona";
        add_door_right: "Open the door to a person" / "Abrir la puerta a una persona";
        delete_door_right: "Close the door to a person" / "Cerrar la puerta a una persona";
        count_users: "Count its people" / "Contar las personas";
        query_users: "Read everybody back" / "Leer a todas las personas";
        query_user: "Read a person back" / "Leer a una persona";
        query_punches: "Send punches again" / "Enviar de nuevo marcaciones";
        check: "Report what is new" / "Informar de lo nuevo";
        set_timezone: "Set its time zone" / "Ajustar su zona horaria";
        reload_options: "Ask for its options again" / "Pedir de nuevo sus opciones";
        created: "Queued" / "En cola";
        sent_at: "Sent" / "Enviado";
        answered: "Answered" / "Respondido";
        answer: "Answer" / "Respuesta";
        attempts: "{n} attempt|{n} attempts" / "{n} intento|{n} intentos";
        completed: "Done" / "Hecho";
        superseded: "Replaced by a newer one" / "Reemplazado por uno nuevo";
        no_commands: "Nothing was ever queued for this terminal." / "Nunca se puso nada en cola para este terminal.";

        serial: "Serial number" / "Número de serie";
        model: "Firmware" / "Firmware";
        kind: "Kind" / "Tipo";
        dialect: "Dialect" / "Dialecto";
        push_version: "Protocol version" / "Versión del protocolo";
        address: "Address" / "Dirección";
        readback: "How it is read back" / "Cómo se lee";
        class_list: "It reports everybody when asked." / "Informa de todos cuando se le pregunta.";
        class_slow:
            "It reports everybody only when its log is read from the beginning, which takes long." /
            "Informa de todos solo cuando se lee su registro desde el principio, lo que tarda.";
        class_per_pin: "It reports single people when asked for them." / "Informa de personas sueltas cuando se le pregunta por ellas.";
        class_table: "It sends its table of people with a number of rows." / "Envía su tabla de personas con un número de filas.";
        class_count: "It reports only how many people it holds: nobody can be verified." / "Solo informa de cuántas personas tiene: nadie se puede verificar.";
        class_none: "It reports nobody: nobody can be verified." / "No informa de nadie: nadie se puede verificar.";
        class_untried: "Not tried yet." / "Aún no se probó.";
        batch: "Commands per call" / "Comandos por llamada";
        one_per_poll: "one: it was seen to ignore all but the first" / "uno: se vio que ignora todos menos el primero";
        clock: "Its clock" / "Su reloj";
        clock_right: "right" / "correcto";
        clock_ahead: "{n} second ahead|{n} seconds ahead" / "{n} segundo de adelanto|{n} segundos de adelanto";
        clock_behind: "{n} second behind|{n} seconds behind" / "{n} segundo de atraso|{n} segundos de atraso";
        holds: "People that it says it holds" / "Personas que dice tener";
        wants: "Students who belong on it" / "Estudiantes que le pertenecen";
        registered: "Registered" / "Registrado";
        verification: "Last verification" / "Última verificación";
        unknown: "unknown" / "desconocido";

        device_name: "Name" / "Nombre";
        timezone: "Time zone" / "Zona horaria";
        timezone_hint: "Empty: that of the school." / "Vacío: la del colegio.";
        strangers: "People there whom the roster does not know" / "Personas allí que la lista no conoce";
        strangers_report: "report them" / "informar de ellas";
        strangers_remove: "remove them" / "eliminarlas";
        window: "Maintenance window" / "Ventana de mantenimiento";
        window_hint:
            "When what takes long may be done, on the terminal's own clock, like 22:00-04:00. Empty: at any time." /
            "Cuándo puede hacerse lo que tarda, según el reloj del terminal, como 22:00-04:00. Vacío: a cualquier hora.";
        addresses: "Addresses from which it may call" / "Direcciones desde las que puede llamar";
        addresses_hint:
            "Like 192.0.2.7 or 10.20.0.0/16, several with commas. Calls from elsewhere are refused. Empty: from anywhere." /
            "Como 192.0.2.7 o 10.20.0.0/16, varias con comas. Se rechazan las llamadas desde otra parte. Vacío: desde cualquiera.";
        active: "Serve this terminal" / "Atender este terminal";
        active_hint: "Off: its punches are stored, and it is sent nothing." / "Apagado: se guardan sus marcaciones y no se le envía nada.";
        try_more: "Try more than one command per call again" / "Probar de nuevo más de un comando por llamada";
        saved: "Saved." / "Guardado.";

        timeline: "What happened here" / "Qué pasó aquí";
        back: "All students" / "Todos los estudiantes";
        no_events: "Nothing yet." / "Nada todavía.";
        at: "When" / "Cuándo";
        event: "Event" / "Suceso";
        details: "Details" / "Detalles";
        event_wanted: "Wanted" / "Deseado";
        event_seen: "Seen" / "Visto";
        event_drift_found: "Difference found" / "Diferencia encontrada";
        event_queued: "Queued" / "En cola";
        event_sent: "Sent" / "Enviado";
        event_acknowledged: "Acknowledged" / "Confirmado";
        event_failed: "Failed" / "Fallido";
        event_superseded: "Replaced" / "Reemplazado";
        event_verified: "Verified" / "Verificado";
        event_drift_ended: "Difference gone" / "Diferencia resuelta";
    }
}
