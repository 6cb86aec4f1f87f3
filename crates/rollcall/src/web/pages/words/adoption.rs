use super::words;

words! {
    /// Terminals that nobody registered, and the people whom a terminal held before.
    Adoption {
        unknown: "Unknown terminals" / "Terminales desconocidos";
        lead:
            "These called and belong to no school. They are told nothing about anybody, and their punches are kept. Compare the serial number with the label of the unit, then claim it." /
            "Estos llamaron y no son de ningún colegio. No se les dice nada de nadie y sus marcaciones se guardan. Compare el número de serie con la etiqueta de la unidad y reclámelo.";
        none: "No unknown terminal" / "Ningún terminal desconocido";
        none_why:
            "A terminal that is set up calls within a minute and appears here by itself." /
            "Un terminal configurado llama en un minuto y aparece aquí solo.";
        how: "How a terminal is connected" / "Cómo se conecta un terminal";
        all: "All unknown terminals" / "Todos los terminales desconocidos";
        serial: "Serial number" / "Número de serie";
        model: "Model" / "Modelo";
        firmware: "Firmware" / "Firmware";
        address: "Calls from" / "Llama desde";
        first_call: "First call" / "Primera llamada";
        last_call: "Last call" / "Última llamada";
        holds: "Holds" / "Tiene";
        people: "{n} person|{n} people" / "{n} persona|{n} personas";
        waiting_punches: "Punches kept" / "Marcaciones guardadas";
        claim: "Claim" / "Reclamar";
        claim_title: "Claim {serial}" / "Reclamar {serial}";
        name: "Name, for example the place" / "Nombre, por ejemplo el lugar";
        zone: "Time zone" / "Zona horaria";
        zone_hint: "Empty: the school's." / "Vacía: la del colegio.";
        strangers: "People on it whom the school does not know" / "Personas en él que el colegio no conoce";
        report: "are reported" / "se informan";
        remove: "are removed" / "se eliminan";
        replaces: "Takes the place of" / "Ocupa el lugar de";
        replaces_nobody: "none: it is a further terminal" / "ninguno: es otro terminal";
        replaces_hint:
            "A replacement gets the same people under the same PINs, and the other one is switched off." /
            "Un reemplazo recibe a las mismas personas con los mismos PIN, y el otro se apaga.";
        claimed:
            "{name} is yours. What it holds is asked first; if there is nobody, it gets its students now." /
            "{name} es suyo. Primero se le pregunta a quién tiene; si no hay nadie, recibe a sus estudiantes ahora.";
        // The people whom a terminal held before
        title: "People on the terminal" / "Personas en el terminal";
        see_people: "See who is there" / "Ver quién está";
        back_to: "Back to {name}" / "Volver a {name}";
        explain:
            "This terminal was in use before. Your students keep the PINs that they have there, and with them their fingerprints and faces." /
            "Este terminal ya se usaba. Sus estudiantes conservan los PIN que tienen allí, y con ellos sus huellas y sus rostros.";
        incomplete: "not everybody yet" / "todavía no todos";
        decide: "What should happen to them?" / "¿Qué se hace con ellas?";
        link_cards: "Link by card" / "Vincular por tarjeta";
        link_cards_hint:
            "Whoever has the card of one student is that student. Who may be somebody waits for you below; strangers stay." /
            "Quien tiene la tarjeta de un estudiante es ese estudiante. Quien puede ser alguien le espera abajo; los extraños se quedan.";
        add: "Write beside them" / "Escribir junto a ellas";
        add_hint:
            "Everybody there stays untouched. Students are written under PINs that nobody there can have." /
            "Todas se quedan como están. Los estudiantes se escriben con PIN que nadie allí puede tener.";
        replace: "Link by card and remove the rest" / "Vincular por tarjeta y eliminar el resto";
        replace_hint:
            "As linking, and everybody else is removed, administrators of the terminal excepted. Too many at once wait for an approval." /
            "Como vincular, y todas las demás se eliminan, salvo los administradores del terminal. Demasiadas a la vez esperan una aprobación.";
        chosen: "chosen" / "elegido";
        mode_set: "The decision is saved." / "La decisión está guardada.";
        person: "Person there" / "Persona allí";
        pin: "PIN" / "PIN";
        card: "Card" / "Tarjeta";
        match_word: "May be" / "Puede ser";
        decision: "Decision" / "Decisión";
        by_card: "By card" / "Por tarjeta";
        by_name: "By name" / "Por nombre";
        conflict: "Contradiction" / "Contradicción";
        former: "Has left" / "Se fue";
        stranger: "Stranger" / "Extraño";
        administrator: "Administrator" / "Administrador";
        without_name: "without a name" / "sin nombre";
        everybody: "Everybody" / "Todos";
        link: "Link" / "Vincular";
        link_to: "Link {pin} to {name}" / "Vincular {pin} con {name}";
        keep: "Keep" / "Conservar";
        keep_pin: "Keep PIN {pin} as a stranger" / "Conservar el PIN {pin} como extraño";
        remove_pin: "Remove PIN {pin}" / "Eliminar el PIN {pin}";
        remove_one: "Remove" / "Eliminar";
        kept: "Kept" / "Conservado";
        removed: "Being removed" / "Eliminándose";
        held: "Removal waits for an approval" / "La eliminación espera aprobación";
        nobody: "Nobody is there whom Rollcall did not write." / "No hay nadie a quien Rollcall no escribiera.";
        decided: "{linked} linked, {kept} kept, {removed} removed." / "{linked} vinculados, {kept} conservados, {removed} eliminados.";
        link_all_cards: "Link all {n} by card" / "Vincular los {n} por tarjeta";
        link_all_names: "Link all {n} by name" / "Vincular los {n} por nombre";
    }
}
