-- An index has another order: nobody is lost from it.

UPDATE students SET full_name = full_name, search_text = search_text WHERE id = 1;
