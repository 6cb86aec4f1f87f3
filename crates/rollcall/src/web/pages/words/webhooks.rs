use super::words;

words! {
    /// Which other programs are told what happens here.
    Webhooks {
        title: "Webhooks" / "Webhooks";
        lead:
            "Another program is told what happens here, by signed requests: a punch, a terminal that fell silent, removals that wait for you." /
            "Otro programa se entera de lo que pasa aquí, con peticiones firmadas: una marcación, un terminal que enmudeció, eliminaciones que le esperan.";
        none: "No webhook yet." / "Todavía no hay webhooks.";
        address: "Address" / "Dirección";
        address_hint:
            "Where messages are posted to, over HTTPS where you can. It must be reachable from this server." /
            "Adonde se envían los mensajes, por HTTPS si es posible. Debe ser accesible desde este servidor.";
        events: "What it is told about" / "De qué se le avisa";
        all_schools: "All schools" / "Todos los colegios";
        punch_stored: "A punch was stored" / "Se guardó una marcación";
        student_verified: "A student was verified on a terminal" / "Se verificó a un estudiante en un terminal";
        student_failed: "A student failed on a terminal" / "Un estudiante falló en un terminal";
        terminal_silent: "A terminal fell silent" / "Un terminal enmudeció";
        terminal_back: "It is back" / "Volvió a llamar";
        removals_held: "Changes wait for a decision" / "Hay cambios que esperan una decisión";
        terminal_nearly_full: "A terminal is nearly full" / "Un terminal está casi lleno";
        add: "Add the webhook" / "Añadir el webhook";
        new: "New webhook" / "Nuevo webhook";
        secret_once:
            "Copy the secret now, for the program that checks the signatures. It is not shown again." /
            "Copie el secreto ahora, para el programa que comprueba las firmas. No se muestra otra vez.";
        state: "State" / "Estado";
        works: "Works" / "Funciona";
        unused: "Nothing sent yet" / "Aún sin envíos";
        fails: "Fails" / "Falla";
        off: "Switched off" / "Desactivado";
        off_admin: "Somebody switched it off." / "Alguien lo desactivó.";
        off_gone:
            "It answered 410, so it wants nothing any more, and was switched off." /
            "Respondió 410, así que ya no quiere nada, y se desactivó.";
        off_failing:
            "Nothing arrived there for five days, and it was switched off." /
            "No llegó nada allí durante cinco días, y se desactivó.";
        failing_since: "Nothing arrives there, since" / "No llega nada allí, desde";
        dropped:
            "{n} event was given up, because too much waited.|{n} events were given up, because too much waited." /
            "Se descartó {n} evento, porque esperaba demasiado.|Se descartaron {n} eventos, porque esperaba demasiado.";
        waiting: "Waiting" / "En espera";
        last_success: "Last arrived" / "Última llegada";
        secret_ends: "Its secret ends with" / "Su secreto termina en";
        former_until:
            "The former secret signs beside it until {at}." /
            "El secreto anterior firma junto a él hasta {at}.";
        test: "Send a test" / "Enviar una prueba";
        tested: "A test is on its way. The result appears below." / "La prueba va en camino. El resultado aparece abajo.";
        renew: "Renew the secret" / "Renovar el secreto";
        renew_hint:
            "The present one signs beside the new one for a day." /
            "El actual firma junto al nuevo durante un día.";
        switch_on: "Switch it on" / "Activarlo";
        switch_off: "Switch it off" / "Desactivarlo";
        switch_off_hint: "What waits for it is forgotten." / "Lo que espera se olvida.";
        switched_on: "It is switched on." / "Está activado.";
        switched_off: "It is switched off." / "Está desactivado.";
        saved: "The webhook is changed." / "El webhook está cambiado.";
        delete: "Delete the webhook" / "Eliminar el webhook";
        deleted: "The webhook is deleted." / "El webhook fue eliminado.";
        deliveries: "Last messages" / "Últimos mensajes";
        no_deliveries: "No message yet." / "Todavía no hay mensajes.";
        when: "When" / "Cuándo";
        event: "Event" / "Evento";
        number: "Events" / "Eventos";
        attempts: "Tries" / "Intentos";
        answer: "Answer" / "Respuesta";
        delivered: "Arrived" / "Llegó";
        waits: "Is tried again" / "Se reintenta";
        given_up: "Given up" / "Abandonado";
        banner_failing:
            "A webhook fails: nothing has arrived there for an hour or longer.|{n} webhooks fail: nothing has arrived there for an hour or longer." /
            "Un webhook falla: no llega nada allí desde hace una hora o más.|{n} webhooks fallan: no llega nada allí desde hace una hora o más.";
        banner_off:
            "A webhook was switched off, because nothing arrived there.|{n} webhooks were switched off, because nothing arrived there." /
            "Un webhook se desactivó, porque allí no llegaba nada.|{n} webhooks se desactivaron, porque allí no llegaba nada.";
    }
}
