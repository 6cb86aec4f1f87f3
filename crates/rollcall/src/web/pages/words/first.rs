use super::words;

words! {
    /// The first start: the first admin and the first school.
    First {
        title: "Welcome to Rollcall" / "Bienvenido a Rollcall";
        lead:
            "Rollcall keeps your attendance terminals holding exactly the students that your school has. Three steps, and the first terminal is in step." /
            "Rollcall mantiene sus terminales de asistencia con exactamente los estudiantes que tiene su colegio. Tres pasos, y el primer terminal está al día.";
        steps: "Steps" / "Pasos";
        step_admin: "You" / "Usted";
        step_school: "Your school" / "Su colegio";
        step_terminal: "A terminal" / "Un terminal";
        admin: "Make yourself the first admin" / "Sea el primer administrador";
        code: "Code" / "Código";
        code_hint:
            "The server printed it when it started, like abcd-2345-wxyz." /
            "El servidor lo mostró al arrancar, como abcd-2345-wxyz.";
        code_wrong:
            "This is not the code. Look at the last start of the server: each start makes a new one." /
            "Ese no es el código. Mire el último arranque del servidor: cada arranque crea uno nuevo.";
        name: "Your name" / "Su nombre";
        create_admin: "Continue" / "Continuar";
        not_first: "Somebody can sign in already." / "Ya hay alguien que puede entrar.";
        school: "Your first school" / "Su primer colegio";
        school_name: "Name of the school" / "Nombre del colegio";
        timezone: "Time zone" / "Zona horaria";
        timezone_hint:
            "Terminals there show this time. An IANA name such as America/Guayaquil." /
            "Los terminales muestran esta hora. Un nombre IANA como America/Guayaquil.";
        create_school: "Create the school" / "Crear el colegio";
        school_created: "{name} is there. Now the first terminal." / "{name} está listo. Ahora el primer terminal.";
    }
}
