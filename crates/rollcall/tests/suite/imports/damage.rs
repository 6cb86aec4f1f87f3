//! Lines of OneRoster files that are damaged, or name no school: whom they mean stays as he is.

use std::collections::BTreeMap;

use super::{
    numbers,
    oneroster::{MANIFEST, Row, Set, everybody, import},
    rejected,
};
use crate::{
    databases::{Database, both_databases},
    server::{Person, Reply, Server},
};

both_databases! {
    a_line_that_was_cut_changes_nobody,
    a_quotation_mark_that_is_not_closed_damages_one_line,
    a_line_without_an_identifier_is_rejected,
    whoever_is_at_no_school_of_the_set_stays_if_he_is_known_here,
    a_set_of_a_part_of_the_district_is_not_full_of_rejections,
    a_role_that_cannot_be_read_deactivates_nobody,
    a_school_that_goes_before_it_came_is_not_made,
}

const SCHOOLS: [(&str, &str); 2] = [("s", "Escola Açaí"), ("t", "Escola Buriti")];

/// Two schools with two students each.
struct District {
    server: Server,
    admin: Person,
    set: Set,
    before: BTreeMap<String, Row>,
}

impl District {
    async fn open(database: Database) -> District {
        let server = Server::new(database);
        let admin = server.superadmin().await;
        let mut set = Set::of(&SCHOOLS);
        set.student("a", "s", "Ngozi", "Eze", "51");
        set.student("b", "s", "João", "Conceição", "52");
        set.student("c", "t", "Zélia", "Brandão", "53");
        set.student("d", "t", "小明", "欧阳", "54");
        import(&server, &admin, "", set.zip()).await.data(200);
        let before = everybody(&server).await;
        District { server, admin, set, before }
    }

    /// The set with another text in one of its files, in both modes, the dry run first: nobody is changed.
    async fn changes_nobody(&self, set: &Set) -> Reply {
        for mode in ["mode=merge", "mode=replace"] {
            let dry = import(&self.server, &self.admin, &format!("dry_run=true&{mode}"), set.zip()).await;
            let run = import(&self.server, &self.admin, mode, set.zip()).await;
            assert_eq!((numbers(&dry), rejected(&dry)), (numbers(&run), rejected(&run)));
            assert_eq!(everybody(&self.server).await, self.before, "{mode}: {}", run.text);
        }
        import(&self.server, &self.admin, "mode=replace", set.zip()).await
    }

    fn with(&self, from: &str, to: &str) -> Set {
        let mut set = self.set.clone();
        let users = set.file("users.csv");
        assert!(users.contains(from), "{users}");
        *users = users.replace(from, to);
        set
    }
}

async fn a_line_that_was_cut_changes_nobody(database: Database) {
    let district = District::open(database).await;
    // Before its card, in its name, before its name, and with a comma too many.
    for (from, to, cells) in [
        ("Ngozi,Eze,,951,,51\n", "Ngozi,Ez\n", 10),
        ("Ngozi,Eze,,951,,51\n", "Ngozi\n", 9),
        ("student,a,,Ngozi,Eze,,951,,51\n", "stu\n", 6),
        ("Ngozi,Eze,,951,,51\n", "Ngozi,Adaeze,Eze,,951,,51\n", 15),
    ] {
        let reply = district.changes_nobody(&district.with(from, to)).await;
        assert_eq!(numbers(&reply), [0, 0, 3, 0, 1], "{}", reply.text);
        assert_eq!(rejected(&reply), [(2, format!("the line has {cells} cells, the header names 14"))]);
    }
    // The first line says nothing of the columns that the file has.
    let mut set = district.with("Ngozi,Eze,,951,,51\n", "Ngozi,Eze\n");
    let users = set.file("users.csv");
    *users = users.replace(",52\n", ",0052\n").replace(",53\n", ",\n");
    let reply = import(&district.server, &district.admin, "", set.zip()).await;
    assert_eq!(numbers(&reply), [0, 1, 2, 0, 1], "{}", reply.text);
    assert_eq!(everybody(&district.server).await["c"].2, None);
}

/// Nor does it swallow the students behind it. A cell over two lines is not read as one.
async fn a_quotation_mark_that_is_not_closed_damages_one_line(database: Database) {
    let district = District::open(database).await;
    let reply = district.changes_nobody(&district.with("Ngozi,Eze", "\"Ngozi,Eze")).await;
    assert_eq!(numbers(&reply), [0, 0, 3, 0, 1], "{}", reply.text);
    assert_eq!(rejected(&reply), [(2, "a quotation mark is not closed on this line".to_owned())]);
    // Where nobody has an identifier yet, the words of the line tell who stays.
    district.server.sql("UPDATE students SET oneroster_id = NULL", []).await;
    let mut set = district.with("Ngozi,Eze,,951,,", "\"Ngozi\nNgozi\",Eze,,951,,");
    let users = set.file("users.csv");
    *users = users.replace("小明,欧阳,", "小明,欧阳,,");
    let reply = import(&district.server, &district.admin, "mode=replace", set.zip()).await;
    assert_eq!(numbers(&reply), [0, 2, 0, 0, 3], "{}", reply.text);
    assert_eq!(rejected(&reply).iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 3, 6]);
    let people = everybody(&district.server).await;
    assert!(people["Ngozi Eze"].5 && people["欧阳小明"].5, "{people:?}");
}

async fn a_line_without_an_identifier_is_rejected(database: Database) {
    let district = District::open(database).await;
    let reply = district.changes_nobody(&district.with("\nb,", "\n,")).await;
    assert_eq!(numbers(&reply), [0, 0, 3, 0, 1], "{}", reply.text);
    assert_eq!(rejected(&reply), [(3, "the line has no sourcedId".to_owned())]);
}

async fn whoever_is_at_no_school_of_the_set_stays_if_he_is_known_here(database: Database) {
    let district = District::open(database).await;
    let reason = "orgs.csv has no school that the student is at".to_owned();
    // A school that is not there, the district, and none at all.
    for org in ["x", "district", ""] {
        let set = district.with("a,active,,true,\"s\"", &format!("a,active,,true,\"{org}\""));
        let reply = district.changes_nobody(&set).await;
        assert_eq!(numbers(&reply), [0, 0, 3, 0, 1], "{org}: {}", reply.text);
        assert_eq!(rejected(&reply), [(2, reason.clone())]);
    }
    // Nobody has an identifier yet: then it is the name.
    district.server.sql("UPDATE students SET oneroster_id = NULL", []).await;
    let set = district.with("a,active,,true,\"s\"", "a,active,,true,\"x\"");
    let reply = import(&district.server, &district.admin, "mode=replace", set.zip()).await;
    assert_eq!(numbers(&reply), [0, 3, 0, 0, 1], "{}", reply.text);
    assert!(everybody(&district.server).await["Ngozi Eze"].5);
}

/// Students of other schools are no matter here, a namesake of one who has an identifier among them.
async fn a_set_of_a_part_of_the_district_is_not_full_of_rejections(database: Database) {
    let district = District::open(database).await;
    let mut set = district.set.clone();
    for n in 0..200 {
        set.student(&format!("x{n}"), if n % 2 == 0 { "elsewhere" } else { "district" }, "Ngozi", "Eze", "");
    }
    let reply = district.changes_nobody(&set).await;
    assert_eq!(numbers(&reply), [0, 0, 4, 0, 0], "{}", reply.text);
    // Who went to one of them and is no student of ours any more, neither.
    district.server.sql("UPDATE students SET is_active = FALSE WHERE oneroster_id = 'a'", []).await;
    let mut set = district.with("a,active,,true,\"s\"", "a,active,,true,\"elsewhere\"");
    assert_eq!(numbers(&import(&district.server, &district.admin, "mode=replace", set.zip()).await), [0, 0, 3, 0, 0]);
    // Of whom no school is said at all, a person has to look.
    set.student("y", "", "Yaw", "Mensah", "77");
    assert_eq!(numbers(&import(&district.server, &district.admin, "", set.zip()).await), [0, 0, 3, 0, 1]);
}

async fn a_role_that_cannot_be_read_deactivates_nobody(database: Database) {
    let server = Server::new(database);
    let admin = server.superadmin().await;
    let mut set = Set::of(&SCHOOLS);
    *set.file("manifest.csv") = MANIFEST.replace("version,1.1", "version,1.2");
    let users = "sourcedId,status,enabledUser,givenName,familyName,metadata.rfid_card_id\n\
        a,active,true,Ngozi,Eze,51\nb,active,true,João,Conceição,52\n";
    users.clone_into(set.file("users.csv"));
    let roles = "sourcedId,userSourcedId,roleType,role,orgSourcedId\n1,a,primary,student,s\n2,b,primary,student,t\n";
    roles.clone_into(set.file("roles.csv"));
    import(&server, &admin, "", set.zip()).await.data(200);
    let before = everybody(&server).await;
    for (damaged, reason) in [
        ("1,a,primary,stud\n", "a line of roles.csv that may mean this student cannot be read"),
        ("\"1,a,primary,student,s\n", "a line of roles.csv that may mean this student cannot be read"),
        ("1,a,primary,student,\n", "orgs.csv has no school that the student is at"),
    ] {
        *set.file("roles.csv") = roles.replace("1,a,primary,student,s\n", damaged);
        let reply = import(&server, &admin, "mode=replace", set.zip()).await;
        assert_eq!((numbers(&reply), rejected(&reply)), ([0, 0, 1, 0, 1], vec![(2, reason.to_owned())]), "{damaged}");
        assert_eq!(everybody(&server).await, before);
    }
}

async fn a_school_that_goes_before_it_came_is_not_made(database: Database) {
    let district = District::open(database).await;
    let mut set = district.with("a,active,,true,\"s\"", "a,active,,true,\"u\"");
    set.file("orgs.csv").push_str("u,tobedeleted,,Escola Cajá,school,,district\n");
    set.student("e", "u", "Caetano", "Simões", "55");
    let reply = district.changes_nobody(&set).await;
    assert_eq!(numbers(&reply), [0, 0, 3, 0, 1], "{}", reply.text);
    let reason = "the student's school is tobedeleted in orgs.csv, and not known here".to_owned();
    assert_eq!(rejected(&reply), [(2, reason)]);
    let schools: Vec<(String,)> = district.server.rows("SELECT name FROM schools ORDER BY id", []).await;
    assert_eq!(schools, SCHOOLS.map(|(_, name)| (name.to_owned(),)));
}
