use super::words;

words! {
    /// The settings of a school, its users, tokens, and who did what.
    Settings {
        title: "Settings" / "Ajustes";
        parts: "Settings" / "Ajustes";
        school: "School" / "Colegio";
        users: "Users" / "Usuarios";
        tokens: "API tokens" / "Tokens de la API";
        audit: "Audit log" / "Registro de cambios";
        name: "Name" / "Nombre";
        timezone: "Time zone" / "Zona horaria";
        timezone_hint:
            "An IANA name such as America/Guayaquil. Terminals show this time. Empty: that of the server, {zone}." /
            "Un nombre IANA como America/Guayaquil. Los terminales muestran esta hora. Vacía: la del servidor, {zone}.";
        day_starts_at: "The day starts at" / "El día empieza a las";
        grace: "Minutes of grace" / "Minutos de gracia";
        grace_hint: "Who comes later is late." / "Quien llega después llega tarde.";
        guard: "Guard against mass removal" / "Protección contra eliminaciones masivas";
        guard_hint:
            "Removals from a terminal wait for a decision when within ten minutes they are more than this part of the people on it, and more than this number." /
            "Las eliminaciones de un terminal esperan una decisión cuando en diez minutos son más que esta parte de sus personas y más que este número.";
        guard_percent: "Percent of its people" / "Porcentaje de sus personas";
        guard_number: "And more than" / "Y más de";
        saved: "The settings are saved." / "Los ajustes están guardados.";
        add_school: "Add a school" / "Añadir un colegio";
        holidays: "Holidays" / "Festivos";
        holidays_hint:
            "A terminal that is silent on a holiday raises no alarm." /
            "Un terminal callado en un festivo no da la alarma.";
        no_holidays: "No holiday yet." / "Todavía no hay festivos.";
        first_day: "First day" / "Primer día";
        last_day: "Last day" / "Último día";
        holiday_name: "What it is called" / "Cómo se llama";
        add_holiday: "Add the holiday" / "Añadir el festivo";
        holiday_added: "{name} is a holiday." / "{name} es festivo.";
        holiday_deleted: "It is a school day again." / "Vuelve a ser día de clases.";
        wrong_day: "Write a day as YYYY-MM-DD." / "Escriba un día como AAAA-MM-DD.";
        delete: "Delete" / "Eliminar";
        delete_named: "Delete {name}" / "Eliminar {name}";
        deleted: "{name} is deleted." / "{name} fue eliminado.";
        classes: "Classes and sections" / "Clases y secciones";
        no_classes: "No class yet." / "Todavía no hay clases.";
        new_class: "New class" / "Nueva clase";
        new_section: "New section" / "Nueva sección";
        new_section_of: "New section of {name}" / "Nueva sección de {name}";
        add: "Add" / "Añadir";
        rename: "Rename" / "Renombrar";
        change_named: "Change {name}" / "Cambiar {name}";
        rename_named: "New name of {name}" / "Nuevo nombre de {name}";
        change: "Change {name}" / "Cambiar {name}";
        class_delete_hint:
            "Its students stay, without a class, and stay on their terminals." /
            "Sus estudiantes se quedan, sin clase, y siguen en sus terminales.";
        added: "{name} is added." / "{name} fue añadido.";
        renamed: "It is called {name} now." / "Ahora se llama {name}.";
        new_year: "New school year" / "Nuevo año escolar";
        new_year_lead:
            "When a school year begins, many leave and many come at once, and the guard would hold that. Open the new year, import the new list, look through what it would do, and apply it: what you looked at leaves at once. Everything else is held as ever. It closes by itself after a day." /
            "Cuando empieza un año escolar, muchos se van y muchos llegan a la vez, y la protección lo retendría. Abra el nuevo año, importe la nueva lista, mire qué haría y aplíquela: lo que usted miró sale enseguida. Todo lo demás se retiene como siempre. Se cierra solo después de un día.";
        new_year_open: "The new school year is open until {at}." / "El nuevo año escolar está abierto hasta {at}.";
        start_year: "Open the new school year" / "Abrir el nuevo año escolar";
        end_year: "Close it now" / "Cerrarlo ahora";
        year_started:
            "The new school year is open for a day. Import the new list now." /
            "El nuevo año escolar está abierto un día. Importe ahora la nueva lista.";
        year_ended: "The new school year is closed." / "El nuevo año escolar está cerrado.";
        import_now: "Import the new list" / "Importar la nueva lista";
        // Users
        new_user: "New user" / "Nuevo usuario";
        email: "E-mail address" / "Correo electrónico";
        full_name: "Name" / "Nombre";
        role: "Role" / "Rol";
        role_hint:
            "A teacher looks at one school and changes nothing. A school admin changes everything in one school. A superadmin has all schools." /
            "Un docente mira un colegio y no cambia nada. Un administrador cambia todo en un colegio. Un superadministrador tiene todos los colegios.";
        password: "Password" / "Contraseña";
        password_hint: "At least 8 characters. It can be changed under “My account”." / "Al menos 8 caracteres. Se puede cambiar en «Mi cuenta».";
        new_password: "New password" / "Contraseña nueva";
        keep_password: "Leave it empty to keep the password." / "Déjela vacía para conservar la contraseña.";
        no_school: "none" / "ninguno";
        user_active: "May sign in" / "Puede entrar";
        user_off: "Switched off" / "Desactivado";
        yes: "Yes" / "Sí";
        no: "No" / "No";
        create_user: "Add the user" / "Añadir al usuario";
        user_created: "{name} may sign in now." / "{name} ya puede entrar.";
        user_changed: "{name} is changed." / "{name} fue cambiado.";
        user_delete_hint: "Signed out at once; API tokens end, too. The audit log keeps what was done." / "Su sesión se cierra enseguida y sus tokens de la API terminan. El registro conserva lo que se hizo.";
        you: "you" / "usted";
        // Tokens
        tokens_lead:
            "With a token another program calls the API as you. It may do what you may." /
            "Con un token otro programa llama a la API como usted. Puede hacer lo que usted puede.";
        token_name: "What it is for" / "Para qué es";
        expires: "Ends on" / "Termina el";
        expires_hint: "Empty: until you revoke it." / "Vacío: hasta que lo revoque.";
        create_token: "Make a token" / "Crear un token";
        token_made: "Copy it now. It is not shown again." / "Cópielo ahora. No se muestra otra vez.";
        token: "Token" / "Token";
        sign_in_of: "Sign-in" / "Inicio de sesión";
        created_at: "Made" / "Creado";
        last_used: "Last used" / "Último uso";
        ends: "Ends" / "Termina";
        ended_idle: "after 12 hours without use" / "tras 12 horas sin uso";
        revoke: "Revoke" / "Revocar";
        revoke_named: "Revoke {name}" / "Revocar {name}";
        revoked: "{name} is revoked." / "{name} fue revocado.";
        this_one: "this one" / "este";
        past: "That is past." / "Eso ya pasó.";
        // Audit
        who: "Who" / "Quién";
        when: "When" / "Cuándo";
        did: "Action" / "Acción";
        what: "What" / "Qué";
        details: "Details" / "Detalles";
        who_hint: "Part of an address" / "Parte de un correo";
        all_things: "Everything" / "Todo";
        all_deeds: "All actions" / "Todas las acciones";
        export_csv: "Export as CSV" / "Exportar como CSV";
    }
}
