use super::words;

words! {
    /// What was changed, as the audit log keeps it: how a field is called, and what its values mean. Those of other pages are
    /// called as there.
    Changes {
        into: "becomes" / "pasa a ser";
        changed: "Changed" / "Cambios";
        was_changed: "changed" / "cambiada";
        is_first: "First admin" / "Primer administrador";
        format: "Format" / "Formato";
        guard_percent: "Guard, percent of people" / "Protección, porcentaje de personas";
        guard_number: "Guard, number of people" / "Protección, número de personas";
        student: "Student" / "Estudiante";
        people: "People" / "Personas";
        linked: "Linked" / "Vinculados";
        kept: "Kept" / "Conservados";
        removed: "Removed" / "Eliminados";
        queued_again: "Queued again" / "De nuevo en cola";
        doubt: "What was doubted" / "Lo que se dudaba";
        backup: "Backup" / "Copia de seguridad";
        withdrawn: "Commands queued anew" / "Comandos puestos de nuevo en cola";
        punches_kept: "kept" / "conservadas";
        punches_deleted: "deleted" / "eliminadas";
        punches_number: "Number of punches" / "Número de marcaciones";
        strangers: "Strangers" / "Extraños";
        online: "Connected" / "Conectado";
        last_address: "Last called from" / "Llamó por última vez desde";
        capacity: "People who fit" / "Personas que caben";
        pin_width: "Digits of a PIN" / "Cifras de un PIN";
        readback_slow: "Slow to be read" / "Lento de leer";
        suspicion: "Doubt" / "Duda";
        suspected_at: "Doubted since" / "En duda desde";
        suspected_key: "another communication key" / "otra clave de comunicación";
        suspected_addresses: "two addresses in turn" / "dos direcciones por turnos";
        verify_at: "To be verified from" / "Se verifica desde";
        one_per_poll: "One command per call" / "Un comando por llamada";
        is_full: "Full" / "Lleno";
        warnings: "Warnings" / "Avisos";
        clock_skew: "Clock off by seconds" / "Diferencia del reloj en segundos";
    }
}
