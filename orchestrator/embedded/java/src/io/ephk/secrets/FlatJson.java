package io.ephk.secrets;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A JSON object (RFC 8259) whose members are read as text; members that are objects or arrays are passed over.
 *
 * <p>A key and value secret has strings, and AWS's answers have the members that matter at the top.
 */
final class FlatJson {
    private final String text;
    private int at;

    private FlatJson(String text) {
        this.text = text;
    }

    /** Returns the members; the exception's message never quotes the text, which may be a secret. */
    static Map<String, String> parse(String text) {
        FlatJson json = new FlatJson(text);
        Map<String, String> members = new LinkedHashMap<>();
        json.expect('{');
        if (json.next() != '}') {
            do {
                json.next();
                String name = json.string();
                json.expect(':');
                String value = json.value();
                if (value != null) {
                    members.put(name, value);
                }
            } while (json.separated('}'));
        } else {
            json.at++;
        }
        json.skipSpace();
        if (json.at != text.length()) {
            throw json.wrong();
        }
        return members;
    }

    static String quote(String value) {
        StringBuilder quoted = new StringBuilder("\"");
        for (char c : value.toCharArray()) {
            if (c == '"' || c == '\\') {
                quoted.append('\\').append(c);
            } else if (c < ' ') {
                quoted.append(String.format("\\u%04x", (int) c));
            } else {
                quoted.append(c);
            }
        }
        return quoted.append('"').toString();
    }

    private String value() {
        char first = next();
        if (first == '"') {
            return string();
        }
        if (first == '{' || first == '[') {
            pass();
            return null;
        }
        int begin = at;
        while (at < text.length() && ",}] \t\r\n".indexOf(text.charAt(at)) < 0) {
            at++;
        }
        String word = text.substring(begin, at);
        if (!word.matches("true|false|null|-?\\d+(\\.\\d+)?([eE][+-]?\\d+)?")) {
            throw wrong();
        }
        return word.equals("null") ? null : word;
    }

    /** Passes over an object or an array. */
    private void pass() {
        int depth = 0;
        do {
            char c = next();
            if (c == '"') {
                string();
                continue;
            }
            depth += c == '{' || c == '[' ? 1 : c == '}' || c == ']' ? -1 : 0;
            at++;
        } while (depth > 0);
    }

    private String string() {
        if (text.charAt(at) != '"') {
            throw wrong();
        }
        StringBuilder value = new StringBuilder();
        for (at++; at < text.length(); at++) {
            char c = text.charAt(at);
            if (c == '"') {
                at++;
                return value.toString();
            }
            value.append(c == '\\' ? escaped() : c);
        }
        throw wrong();
    }

    private char escaped() {
        at++;
        char c = at < text.length() ? text.charAt(at) : 0;
        int plain = "\"\\/bfnrt".indexOf(c);
        if (c != 0 && plain >= 0) {
            return "\"\\/\b\f\n\r\t".charAt(plain);
        }
        if (c != 'u' || at + 4 >= text.length()) {
            throw wrong();
        }
        at += 4;
        return (char) Integer.parseInt(text, at - 3, at + 1, 16);
    }

    private boolean separated(char end) {
        char c = next();
        at++;
        if (c != ',' && c != end) {
            throw wrong();
        }
        return c == ',';
    }

    private void expect(char wanted) {
        if (next() != wanted) {
            throw wrong();
        }
        at++;
    }

    private char next() {
        skipSpace();
        if (at >= text.length()) {
            throw wrong();
        }
        return text.charAt(at);
    }

    private void skipSpace() {
        while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
    }

    private IllegalArgumentException wrong() {
        return new IllegalArgumentException("not a JSON object, at character " + at);
    }
}
