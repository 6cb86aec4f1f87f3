use super::words;

words! {
    /// Signing in and out, and the own password.
    Signing {
        title: "Sign in" / "Iniciar sesión";
        email: "E-mail address" / "Correo electrónico";
        password: "Password" / "Contraseña";
        button: "Sign in" / "Entrar";
        wrong: "The e-mail address or the password is wrong." / "El correo o la contraseña no son correctos.";
        too_many:
            "Too many failed attempts. Try again in a quarter of an hour." /
            "Demasiados intentos fallidos. Inténtelo de nuevo en un cuarto de hora.";
        signed_out: "You are signed out." / "Ha cerrado la sesión.";
        ended: "Your session has ended. Sign in again." / "Su sesión terminó. Inicie sesión de nuevo.";
        account: "My account" / "Mi cuenta";
        signed_in_as: "Signed in as" / "Sesión de";
        change_password: "Change the password" / "Cambiar la contraseña";
        current_password: "Current password" / "Contraseña actual";
        new_password: "New password" / "Contraseña nueva";
        password_hint: "At least 8 characters." / "Al menos 8 caracteres.";
        change_hint:
            "Other browsers in which you are signed in will have to sign in again." /
            "Los otros navegadores en los que ha entrado tendrán que volver a entrar.";
        password_wrong: "That is not your current password." / "Esa no es su contraseña actual.";
        password_short: "A password has at least 8 characters." / "Una contraseña tiene al menos 8 caracteres.";
        password_long: "This password is too long." / "Esta contraseña es demasiado larga.";
        password_changed: "The password is changed." / "La contraseña fue cambiada.";
    }
}
