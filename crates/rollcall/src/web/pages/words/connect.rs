use super::words;

words! {
    /// How a terminal is connected, and those that called.
    Connect {
        title: "Connect a terminal" / "Conectar un terminal";
        lead:
            "On the terminal: Menu → Comm. (or Network) → Cloud Server Setting (older units: ADMS, Web Setup). Type this, leave the menu, and restart the unit if it asks for it." /
            "En el terminal: Menú → Comunicación (o Red) → Configuración del servidor en la nube (unidades antiguas: ADMS, Web Setup). Escriba esto, salga del menú y reinicie la unidad si lo pide.";
        fields: "What to type on the terminal" / "Qué escribir en el terminal";
        field: "Field" / "Campo";
        value: "Value" / "Valor";
        mode: "Server Mode" / "Modo del servidor";
        domain: "Enable Domain Name" / "Habilitar nombre de dominio";
        address: "Server Address" / "Dirección del servidor";
        port: "Server Port" / "Puerto del servidor";
        proxy: "Enable Proxy Server, HTTPS" / "Habilitar proxy, HTTPS";
        off: "off" / "desactivado";
        address_guess:
            "The address that this machine uses in its network. If terminals reach it under another one, type that." /
            "La dirección que usa esta máquina en su red. Si los terminales la alcanzan con otra, escriba esa.";
        callers: "Terminals that called and belong to no school yet" / "Terminales que llamaron y aún no son de ningún colegio";
        waiting:
            "No terminal has called yet. A terminal that is set up calls within a minute; it appears here by itself." /
            "Todavía no ha llamado ningún terminal. Un terminal configurado llama en un minuto; aparece aquí solo.";
        serial: "Serial number" / "Número de serie";
        model: "Firmware" / "Firmware";
        last_call: "Last call" / "Última llamada";
        claim: "Claim" / "Reclamar";
        claim_named: "Claim {serial}" / "Reclamar {serial}";
        device_name: "Name, for example the place" / "Nombre, por ejemplo el lugar";
        no_school: "Create a school first." / "Cree primero un colegio.";
        more: "{n} more has called.|{n} more have called." / "Otro {n} ha llamado.|Otros {n} han llamado.";
    }
}
