package io.ephk.secrets;

/** Environment variables. */
final class Environment {
    private Environment() {}

    /** Returns the first variable that is set and not empty, or null. */
    static String first(String... names) {
        for (String name : names) {
            String value = System.getenv(name);
            if (value != null && !value.isEmpty()) {
                return value;
            }
        }
        return null;
    }
}
