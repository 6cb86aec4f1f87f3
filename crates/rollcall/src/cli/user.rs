//! `rollcall user`: the people who may log in.

use std::{
    io::{IsTerminal as _, Read as _},
    process::ExitCode,
};

use anyhow::{Context as _, bail};
use clap::Subcommand;

use super::Here;
use crate::{
    accounts::{
        Role,
        audit::{self, Actor},
        passwords, tokens,
        users::{self, NewUser, User},
    },
    school::SchoolId,
};

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Makes a user and asks for a password.
    Add(Add),
    /// Sets a user's password and ends the sessions that the old one began.
    Password(Password),
    /// Lists users.
    List,
}

#[derive(clap::Args, Debug)]
struct Add {
    email: String,
    /// superadmin (everything), `school_admin` (one school), teacher (reads one school)
    #[arg(long)]
    role: Role,
    /// The school's id; required for all but superadmins.
    #[arg(long, value_name = "ID")]
    school: Option<i64>,
    /// A name to show.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Read the password from standard input instead of asking.
    #[arg(long)]
    password_stdin: bool,
}

#[derive(clap::Args, Debug)]
struct Password {
    email: String,
    /// Read the password from standard input instead of asking.
    #[arg(long)]
    password_stdin: bool,
}

pub(super) async fn run(args: Args, here: &Here) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Add(args) => add(args, here).await?,
        Command::Password(args) => set_password(args, here).await?,
        Command::List => list(here).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn add(args: Add, here: &Here) -> anyhow::Result<()> {
    let password = passwords::hash(read_password(args.password_stdin)?).await?;
    let mut tx = here.db.write().await?;
    let new = NewUser {
        email: args.email,
        password,
        role: args.role,
        school_id: args.school.map(SchoolId),
        full_name: args.name,
    };
    let user = users::create(&mut tx, new, here.clock.now()).await?;
    audit::record(&mut tx, Actor::COMMAND_LINE, change("create", &user), here.clock.now()).await?;
    tx.commit().await?;
    println!("{} may log in as {}", user.email, user.role);
    Ok(())
}

async fn set_password(args: Password, here: &Here) -> anyhow::Result<()> {
    let password = passwords::hash(read_password(args.password_stdin)?).await?;
    let mut tx = here.db.write().await?;
    let user =
        users::by_email(&mut tx, &args.email).await?.with_context(|| format!("there is no user {}", args.email))?;
    users::set_password(&mut tx, user.id, &password, here.clock.now()).await?;
    tokens::end_sessions(&mut tx, user.id, None, here.clock.now()).await?;
    audit::record(&mut tx, Actor::COMMAND_LINE, change("set_password", &user), here.clock.now()).await?;
    tx.commit().await?;
    println!("{} has a new password; sessions have ended", user.email);
    Ok(())
}

fn change(action: &'static str, user: &User) -> audit::Change {
    audit::Change {
        action,
        entity: "user",
        entity_id: user.id.to_string(),
        school_id: user.school_id,
        details: serde_json::json!({ "email": user.email, "role": user.role }),
    }
}

async fn list(here: &Here) -> anyhow::Result<()> {
    let mut tx = here.db.read().await?;
    for user in users::list(&mut tx, None).await? {
        let school = user.school_id.map_or_else(String::new, |school| format!("  school {school}"));
        println!("{}  {}{school}", user.email, user.role);
    }
    Ok(())
}

fn read_password(from_stdin: bool) -> anyhow::Result<String> {
    if from_stdin {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("cannot read the password")?;
        return Ok(text.trim_end_matches(['\r', '\n']).to_owned());
    }
    if !std::io::stdin().is_terminal() {
        bail!("there is no one to ask for a password: pass it with --password-stdin");
    }
    let password = rpassword::prompt_password("password: ").context("cannot read the password")?;
    if password != rpassword::prompt_password("once more: ").context("cannot read the password")? {
        bail!("the two differ");
    }
    Ok(password)
}
