internal import Core

extension OpenAPIDocument {
    /// The document's own schema, closed as every other: the part of OpenAPI 3.1 that this server writes.
    static let schema = Schema.object(
        "OpenAPIDocument",
        [
            .required("openapi", .constant(.string(version))),
            .required("info", object("title", "version", "description", more: [.required("license", license)])),
            .required("servers", .list(of: object("url"))),
            .required("tags", .list(of: object("name", "description"))),
            .required("paths", .map(of: .map(of: operation, names: "^(get|put|post|delete|patch)$"), names: "^/")),
            .required(
                "components",
                .object([
                    .required("securitySchemes", .map(of: security, names: anyName)),
                    .required("responses", .map(of: response, names: anyName)),
                    .required("schemas", .map(of: jsonSchema, names: anyName)),
                ])),
        ])

    private static let anyName = "^[A-Za-z0-9._-]+$"
    private static let license = object("name", "identifier")
    private static let security = object("type", "scheme", "bearerFormat", "description")

    private static let operation = Schema.object(
        "Operation",
        [
            .required("operationId", .string), .required("summary", .string),
            .required("tags", .list(of: .string)),
            .required("security", .list(of: .map(of: .list(of: .string), names: anyName))),
            .required("x-budget", .string), optional("parameters", .list(of: parameter)),
            optional(
                "requestBody",
                object("description", more: [.required("required", .boolean), .required("content", content)])),
            .required("responses", .map(of: response, names: "^[1-5][0-9][0-9]$")),
        ])

    private static let parameter = object(
        "name", "in", "description",
        more: [.required("required", .boolean), .required("schema", jsonSchema)])

    private static let response = Schema.object(
        "Response",
        [
            .required("description", .string),
            .required(
                "headers",
                .map(
                    of: object(
                        "description", more: [.required("required", .boolean), .required("schema", jsonSchema)]),
                    names: anyName)),
            optional("content", content),
            optional(
                "links",
                .map(
                    of: object("operationId", more: [.required("parameters", .map(of: .string, names: anyName))]),
                    names: anyName)),
        ])

    private static let content = Schema.map(
        of: .object([
            .required("schema", jsonSchema),
            optional("encoding", .map(of: object("contentType"), names: anyName)),
            optional("example", .string),
        ]), names: "^[a-z]+/")

    /// The keywords of JSON Schema that `Schema` writes.
    private static let jsonSchema: Schema = {
        let itself = Schema.reference("JSONSchema")
        let number = Schema.number
        let text = Schema.string
        let value = Schema.oneOf([.string, .number, .boolean, Schema(.null), .list(of: .string)])
        return .object(
            "JSONSchema",
            [
                optional("$ref", text), optional("type", .oneOf([.string, .list(of: .string)])),
                optional("description", text), optional("format", text), optional("pattern", text),
                optional("minimum", number), optional("maximum", number),
                optional("minLength", number), optional("maxLength", number),
                optional("minItems", number), optional("maxItems", number), optional("uniqueItems", .boolean),
                optional("items", itself), optional("oneOf", .list(of: itself)), optional("anyOf", .list(of: itself)),
                optional("contentMediaType", text), optional("contentSchema", itself),
                optional("properties", .map(of: itself, names: ".")),
                optional("patternProperties", .map(of: itself, names: ".")),
                optional("additionalProperties", .constant(false)), optional("required", .list(of: .string)),
                optional("const", value), optional("enum", .list(of: .oneOf([.string, Schema(.null)]))),
                optional("default", value), optional("examples", .list(of: value)),
            ])
    }()

    /// May be left out, and is never `null`.
    private static func optional(_ name: String, _ schema: Schema) -> Schema.Property {
        Schema.Property(name: name, schema: schema, isRequired: false)
    }

    /// An object of texts.
    private static func object(_ texts: String..., more: [Schema.Property] = []) -> Schema {
        .object(texts.map { .required($0, .string) } + more)
    }
}
