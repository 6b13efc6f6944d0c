import pytest

from lit_pretrain.datamodules.code.parse.grammar import grammar, kind_of_text, node_types, type_numbers
from lit_pretrain.types.code import Kind

LANGUAGES = ("python", "java", "javascript", "go", "c", "cpp")


def test_node_types_depend_on_the_set_of_languages_alone():
    types = node_types(LANGUAGES)
    grammar.cache_clear()
    assert types == node_types(LANGUAGES[::-1]) == tuple(sorted(set(types)))
    assert set(types) == set().union(*(node_types((language,)) for language in LANGUAGES))
    assert {"module", "method_declaration", "go_statement", "class_specifier"} < set(types)


@pytest.mark.parametrize("language", LANGUAGES)
def test_numbers_are_those_of_the_names(language):
    types, known = node_types(LANGUAGES), grammar(language)
    for name, named, number in zip(known.names, known.named, type_numbers(language, types), strict=True):
        assert number < 0 if not named or name == "ERROR" else types[number] == name


def test_missing_grammar_names_the_package():
    with pytest.raises(ValueError, match="pip install tree-sitter-no-such-language"):
        grammar("no_such_language")


def test_kind_of_text():
    assert [kind_of_text(text) for text in ("this", "->", "!r")] == [Kind.KEYWORD, Kind.OPERATOR, Kind.OTHER]
