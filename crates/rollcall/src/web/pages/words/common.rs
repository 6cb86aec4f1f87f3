use super::words;

words! {
    /// What is on many pages.
    Common {
        skip: "Skip to the content" / "Saltar al contenido";
        navigation: "Pages" / "Páginas";
        overview: "Overview" / "Resumen";
        students: "Students" / "Estudiantes";
        attendance: "Attendance" / "Asistencia";
        settings: "Settings" / "Ajustes";
        connect: "Connect a terminal" / "Conectar un terminal";
        account: "My account" / "Mi cuenta";
        sign_out: "Sign out" / "Cerrar sesión";
        superadmin: "Superadmin" / "Superadministrador";
        school_admin: "School admin" / "Administrador del colegio";
        teacher: "Teacher" / "Docente";
        school: "School" / "Colegio";
        all_schools: "All schools" / "Todos los colegios";
        show: "Show" / "Mostrar";
        language: "Language" / "Idioma";
        choose: "Choose" / "Elegir";
        api: "API" / "API";
        live: "Live" / "En vivo";
        reconnecting: "Reconnecting" / "Reconectando";
        never: "never" / "nunca";
        just_now: "just now" / "ahora mismo";
        minutes_ago: "{n} minute ago|{n} minutes ago" / "hace {n} minuto|hace {n} minutos";
        hours_ago: "{n} hour ago|{n} hours ago" / "hace {n} hora|hace {n} horas";
        days_ago: "{n} day ago|{n} days ago" / "hace {n} día|hace {n} días";
        search: "Search" / "Buscar";
        all: "All" / "Todos";
        save: "Save" / "Guardar";
        cancel: "Cancel" / "Cancelar";
        pages: "Pages of the list" / "Páginas de la lista";
        previous: "Previous" / "Anterior";
        next: "Next" / "Siguiente";
        range: "{from}–{to} of {total}" / "{from}–{to} de {total}";
        nothing_found: "Nothing found." / "No se encontró nada.";
        required: "required" / "obligatorio";
        back_to_overview: "Go to the overview" / "Ir al resumen";
        not_found: "There is nothing here" / "Aquí no hay nada";
        not_found_why:
            "The address is wrong, or what was here is gone." /
            "La dirección es incorrecta, o lo que estaba aquí ya no existe.";
        forbidden: "This is not for you" / "Esto no es para usted";
        failed: "That did not work" / "Eso no funcionó";
        foreign_form:
            "This request came from another site and was not carried out. Open the page here and try again." /
            "Esta solicitud vino de otro sitio y no se ejecutó. Abra la página aquí e inténtelo de nuevo.";
    }
}
