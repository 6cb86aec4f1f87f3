use super::words;

words! {
    /// The overview, and the words for a terminal's state.
    Overview {
        title: "Overview" / "Resumen";
        terminals: "Terminals" / "Terminales";
        all_well: "Every terminal is in step." / "Todos los terminales están al día.";
        attention: "{n} terminal needs your attention|{n} terminals need your attention" / "{n} terminal requiere su atención|{n} terminales requieren su atención";
        nothing_urgent: "Nothing needs your attention." / "Nada requiere su atención.";
        no_terminals: "No terminal yet" / "Todavía no hay terminales";
        no_terminals_why:
            "Connect the first one: it takes two minutes at the terminal's menu." /
            "Conecte el primero: son dos minutos en el menú del terminal.";
        no_schools: "No school yet" / "Todavía no hay colegios";
        create_school: "Create the first school" / "Crear el primer colegio";
        in_step: "In step" / "Al día";
        unverified: "Synced, not verified yet" / "Sincronizado, aún sin verificar";
        unverifiable: "Synced, cannot be verified" / "Sincronizado, no se puede verificar";
        updating: "Updating" / "Actualizando";
        counting: "Being counted" / "Contando";
        drifted: "Differs" / "Difiere";
        never_called: "Never called" / "Nunca llamó";
        offline: "Offline" / "Sin conexión";
        holiday: "Holiday" / "Festivo";
        failed: "Needs attention" / "Requiere atención";
        held: "Waits for a decision" / "Espera una decisión";
        suspected: "May be another device" / "Puede ser otro aparato";
        suspected_banner:
            "{name} may be another device under its serial number. Nothing is handed to it until you confirm it." /
            "{name} puede ser otro aparato con su número de serie. No se le entrega nada hasta que usted lo confirme.";
        holds_people: "Already holds people" / "Ya tiene personas";
        empty: "Nobody belongs here" / "Nadie pertenece aquí";
        switched_off: "Switched off" / "Desactivado";
        students: "Students held" / "Estudiantes en el terminal";
        held_of: "{held} of {wanted}" / "{held} de {wanted}";
        bar: "{verified} verified, {synced} acknowledged, {total} wanted" / "{verified} verificados, {synced} confirmados, {total} deseados";
        contact: "Last contact" / "Último contacto";
        punch: "Last punch" / "Última marcación";
        reach: "From edit to terminal" / "De la edición al terminal";
        seconds: "{n} second|{n} seconds" / "{n} segundo|{n} segundos";
        minutes: "{n} minute|{n} minutes" / "{n} minuto|{n} minutos";
        hours: "{n} hour|{n} hours" / "{n} hora|{n} horas";
        verified: "Last verified" / "Última verificación";
        waiting: "{n} waiting|{n} waiting" / "{n} en espera|{n} en espera";
        failures: "{n} failed|{n} failed" / "{n} fallido|{n} fallidos";
        drift: "{n} differs|{n} differ" / "{n} difiere|{n} difieren";
        strangers: "{n} stranger|{n} strangers" / "{n} extraño|{n} extraños";
        full: "The terminal is full." / "El terminal está lleno.";
        clock_off: "Its clock is {n} minute off|Its clock is {n} minutes off" / "Su reloj difiere {n} minuto|Su reloj difiere {n} minutos";
        held_banner:
            "{name}: {n} change waits for your decision.|{name}: {n} changes wait for your decision." /
            "{name}: {n} cambio espera su decisión.|{name}: {n} cambios esperan su decisión.";
        more_banner:
            "{n} more terminal waits for a decision.|{n} more terminals wait for a decision." /
            "{n} terminal más espera una decisión.|{n} terminales más esperan una decisión.";
        waiting_banner:
            "{n} terminal waits for a decision.|{n} terminals wait for a decision." /
            "{n} terminal espera una decisión.|{n} terminales esperan una decisión.";
        search_hint: "Name, serial number or school" / "Nombre, número de serie o colegio";
        decide: "Decide" / "Decidir";
        people_banner:
            "{name} already holds {n} person. Nothing is written until you decide.|{name} already holds {n} people. Nothing is written until you decide." /
            "{name} ya tiene {n} persona. No se escribe nada hasta que usted decida.|{name} ya tiene {n} personas. No se escribe nada hasta que usted decida.";
        people_unknown:
            "{name} may already hold people. Nothing is written until you decide." /
            "{name} puede tener ya personas. No se escribe nada hasta que usted decida.";
        unknown_banner:
            "{n} terminal called that belongs to no school.|{n} terminals called that belong to no school." /
            "{n} terminal llamó y no es de ningún colegio.|{n} terminales llamaron y no son de ningún colegio.";
        look: "Look" / "Ver";
        punches_today: "Punches today" / "Marcaciones de hoy";
        punches_none: "No punch yet today." / "Hoy todavía no hay marcaciones.";
        punches_sum: "{n} punch, most between {hour}|{n} punches, most between {hour}" / "{n} marcación, la mayoría entre {hour}|{n} marcaciones, la mayoría entre {hour}";
    }
}
