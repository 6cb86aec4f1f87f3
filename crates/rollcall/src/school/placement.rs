//! In which class and section a student ends up.

use super::{
    ClassId, SectionId, classes, sections,
    students::{Draft, Student},
};
use crate::store::{self, Tx};

/// A class and a section that belong together and to the student's school.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Placement {
    pub class_id: Option<ClassId>,
    pub section_id: Option<SectionId>,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the school has no class {0}")]
    Class(ClassId),
    #[error("the school has no section {0}")]
    Section(SectionId),
    #[error("section {0} belongs to another class")]
    SectionOfOtherClass(SectionId),
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// What somebody chose must fit; what the student merely kept is cleared when it does not. A section says its class.
pub(super) async fn place(tx: &mut Tx, before: Option<&Student>, draft: &Draft) -> Result<Placement, Error> {
    let keeps_class = before.is_some_and(|before| before.class_id == draft.class_id);
    let keeps_section = before.is_some_and(|before| before.section_id == draft.section_id);

    let class = match draft.class_id {
        Some(id) => {
            let class = classes::find(tx, id).await?.filter(|class| class.school_id == draft.school_id);
            if class.is_none() && !keeps_class {
                return Err(Error::Class(id));
            }
            class.map(|class| class.id)
        }
        None => None,
    };
    let Some(id) = draft.section_id else { return Ok(Placement { class_id: class, section_id: None }) };
    let section = sections::find(tx, id).await?.filter(|section| section.school_id == draft.school_id);
    match section {
        Some(section) if class == Some(section.class_id) => {
            Ok(Placement { class_id: class, section_id: Some(section.id) })
        }
        Some(section) if !keeps_section && (class.is_none() || keeps_class) => {
            Ok(Placement { class_id: Some(section.class_id), section_id: Some(section.id) })
        }
        Some(section) if !keeps_section => Err(Error::SectionOfOtherClass(section.id)),
        None if !keeps_section => Err(Error::Section(id)),
        _ => Ok(Placement { class_id: class, section_id: None }),
    }
}
