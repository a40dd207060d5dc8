import Testing

/// One rule of the house over single files, with a snippet that breaks it.
struct TidyRule: Sendable, CustomTestStringConvertible {
    let name: String
    let applies: @Sendable (_ path: String) -> Bool
    /// Offset of each break of the rule and what to say about it.
    let check: @Sendable (SourceText) -> [(offset: Int, message: String)]
    /// A file that breaks the rule once.
    let bad: (path: String, text: String)
    /// A file that looks as if it did, and does not.
    let good: (path: String, text: String)

    var testDescription: String { name }

    func findings(in source: SourceText) -> [String] {
        guard applies(source.path) else { return [] }
        return check(source).map { "\(source.path):\(source.line(at: $0.offset)): \($0.message)" }
    }

    static let table: [TidyRule] = lengths + bannedCode + comments + texts
}

private func isSwift(_ path: String) -> Bool { path.hasSuffix(".swift") }
private func isCode(_ path: String) -> Bool { isSwift(path) || SourceText.isC(path) }
private func isTest(_ path: String) -> Bool { path.hasPrefix("Tests/") && isSwift(path) }
private func isProgram(_ path: String) -> Bool { path.hasPrefix("Sources/") && isSwift(path) }

private func banned(_ words: [String], _ message: String) -> @Sendable (SourceText) -> [(offset: Int, message: String)]
{
    { source in
        words.flatMap { word in
            SourceText.occurrences(of: word, in: source.code).map { ($0, "\(word) \(message)") }
        }
    }
}

extension TidyRule {
    static let lineColumnsMax = 120
    static let fileLinesMax = 500
    static let functionLinesMax = 70

    private static let lengths = [
        TidyRule(
            name: "a line has at most 120 columns",
            applies: { isCode($0) || $0.hasSuffix(".sh") || $0.hasSuffix(".sql") || $0.hasSuffix(".py") },
            check: { source in
                var offset = 0
                var found: [(offset: Int, message: String)] = []
                for line in source.lines {
                    let columns = line.count { $0 & 0xC0 != 0x80 }
                    if columns > lineColumnsMax { found.append((offset, "the line has \(columns) columns")) }
                    offset += line.count + 1
                }
                return found
            },
            bad: ("Sources/A/a.swift", String(repeating: "a", count: 121)),
            good: ("Sources/A/a.swift", String(repeating: "é", count: 120))),
        TidyRule(
            name: "a file has at most 500 lines", applies: isCode,
            check: { source in
                let count = source.lines.count - (source.bytes.last == newline ? 1 : 0)
                return count > fileLinesMax ? [(0, "the file has \(count) lines")] : []
            },
            bad: ("Sources/A/a.c", String(repeating: "\n", count: 501)),
            good: ("Sources/A/a.c", String(repeating: "\n", count: 500))),
        TidyRule(
            name: "a function has at most 70 lines", applies: isCode,
            check: { source in
                FunctionSpan.all(in: source).filter { $0.lines > functionLinesMax }.map {
                    ($0.start, "the function has \($0.lines) lines")
                }
            },
            bad: ("Sources/A/a.swift", "func f() {\n" + String(repeating: "g()\n", count: 69) + "}"),
            good: ("Sources/A/a.swift", "func f() {\n" + String(repeating: "g()\n", count: 68) + "}")),
        TidyRule(
            name: "a C function has at most 70 lines", applies: SourceText.isC,
            check: { source in
                FunctionSpan.all(in: source).filter { $0.lines > functionLinesMax }.map {
                    ($0.start, "the function has \($0.lines) lines")
                }
            },
            bad: ("Sources/A/a.c", "static int f(int a)\n{\n" + String(repeating: "g('\"', a);\n", count: 68) + "}"),
            good: ("Sources/A/a.c", "int f(int a) {\n" + String(repeating: "g('\"', a);\n", count: 68) + "}")),
    ]

    private static let bannedCode = [
        TidyRule(
            name: "nothing is forced", applies: isSwift, check: banned(["as!", "try!"], "is not used here"),
            bad: ("Tests/A/a.swift", "let a = \"\\(b as! C)\""), good: ("Tests/A/a.swift", "let a = \"as! try!\"")),
        TidyRule(
            name: "only the executable prints",
            applies: { isProgram($0) && !$0.hasPrefix("Sources/cadenza/") },
            check: banned(["print(", "debugPrint("], "belongs in Sources/cadenza"),
            bad: ("Sources/Base/A/a.swift", "print(1)"), good: ("Sources/cadenza/a.swift", "print(1)")),
        TidyRule(
            name: "tests wait for signals, never for time", applies: isTest,
            check: banned(["sleep(", "usleep(", "nanosleep(", "clock_nanosleep("], "waits for time"),
            bad: ("Tests/A/a.swift", "try await Task.sleep(for: .seconds(1))"),
            good: ("Tests/A/a.swift", "// sleep(1) would hide the race")),
        TidyRule(
            name: "the program uses neither Foundation nor SwiftNIO", applies: isProgram,
            check: banned(
                ["import Foundation", "import FoundationEssentials", "import NIO", "import NIOCore"], "is not used"),
            bad: ("Sources/A/a.swift", "internal import Foundation"), good: ("Tests/A/a.swift", "import Foundation")),
        TidyRule(
            name: "the C kernels touch no console and never abort",
            applies: { $0.hasPrefix("Sources/Audio/CKernels/") },
            check: banned(["printf(", "puts(", "abort(", "exit(", "rand(", "srand("], "does not cross this boundary"),
            bad: ("Sources/Audio/CKernels/a.c", "void f(void) { abort(); }"),
            good: ("Sources/Audio/CKernels/a.c", "int f(char *p) { return snprintf(p, 1, \"abort()\"); }")),
        TidyRule(
            name: "a test's name is a raw identifier", applies: isTest, check: plainTestNames,
            bad: ("Tests/A/a.swift", "@Test(arguments: [1, 2])\nfunc checkIt(a: Int) {}"),
            good: ("Tests/A/a.swift", "@Test(arguments: [(1, 2)]) func `a rule holds`(a: Int) {}")),
    ]

    private static func plainTestNames(_ source: SourceText) -> [(offset: Int, message: String)] {
        SourceText.occurrences(of: "@Test", in: source.code).compactMap { offset in
            let rest = Array(source.code[offset...])
            guard let keyword = SourceText.occurrences(of: "func", in: rest).first else { return nil }
            let name = rest[(keyword + 4)...].first { !$0.isBlank }
            return name == UInt8(ascii: "`") ? nil : (offset, "the test's name is not the rule in back-ticks")
        }
    }

    private static let comments = [
        TidyRule(
            name: "what is unchecked says why it is safe", applies: isSwift,
            check: { source in
                let safety = Set(SourceText.occurrences(of: "SAFETY:", in: source.comments).map(source.line))
                return ["@unchecked Sendable", "nonisolated(unsafe)"].flatMap { word in
                    SourceText.occurrences(of: word, in: source.code).compactMap { offset in
                        let line = source.line(at: offset)
                        return safety.isDisjoint(with: Set(line - 6...line + 12))
                            ? (offset, "\(word) has no SAFETY: near it") : nil
                    }
                }
            },
            bad: ("Sources/A/a.swift", "final class A: @unchecked Sendable {}"),
            good: ("Sources/A/a.swift", "// SAFETY: immutable.\nfinal class A: @unchecked Sendable {}")),
        TidyRule(
            name: "a program file with pointers that carry no bounds says why they are safe", applies: isProgram,
            check: { source in
                guard SourceText.occurrences(of: "SAFETY:", in: source.comments).isEmpty else { return [] }
                // A buffer pointer carries its bounds; these do not, or change what memory is taken for.
                let words = [
                    "UnsafePointer", "UnsafeMutablePointer", "UnsafeRawPointer", "UnsafeMutableRawPointer",
                    "OpaquePointer", "Unmanaged", "unsafeBitCast", "withMemoryRebound", "assumingMemoryBound",
                ]
                let first = words.compactMap { SourceText.occurrences(of: $0, in: source.code).first }.min()
                return first.map { [($0, "an unsafe pointer, and no SAFETY: in the file")] } ?? []
            },
            bad: ("Sources/A/a.swift", "func f(_ p: UnsafePointer<Int>) {}"),
            good: ("Sources/A/a.swift", "// SAFETY: outlives the call.\nfunc f(_ p: UnsafePointer<Int>) {}")),
        TidyRule(
            name: "nothing is left for later",
            applies: { isCode($0) || $0.hasSuffix(".sh") || $0.hasSuffix(".sql") || $0.hasSuffix(".py") },
            check: { source in
                ["TODO", "FIXME", "XXX", "HACK", "coming soon", "not yet implemented", "stub"].flatMap { word in
                    SourceText.occurrences(of: word, in: source.comments).map { ($0, "\(word): do it or leave it") }
                }
            },
            bad: ("Sources/A/a.c", "/* \u{54}ODO */"), good: ("Sources/A/a.swift", "let a = \"\u{54}ODO\"")),
        TidyRule(
            name: "sources carry no licence blocks", applies: isCode,
            check: { source in
                ["Copyright", "SPDX-License-Identifier"].flatMap { word in
                    SourceText.occurrences(of: word, in: source.comments).map { ($0, "the licence is in LICENSE") }
                }
            },
            bad: ("Sources/A/a.h", "// Copyright 1999"), good: ("Sources/A/a.h", "// Not under anyone's name.")),
    ]

    /// Written with a gap, so that this file does not hold them.
    private static let elsewhere = ["/ro~ot/", "/wo~rk/", "/home/ru~nner", "py~pi.org", "python~hosted.org"]
        .map { $0.filter { $0 != "~" } }

    private static let texts = [
        TidyRule(
            name: "no path of one machine and no registry host is in the tree",
            applies: { _ in true },
            check: { source in
                elsewhere.flatMap { place in
                    SourceText.occurrences(of: place, in: source.bytes).map {
                        ($0, "\(place) is of one machine or host")
                    }
                }
            },
            bad: ("Makefile", "run:\n\tls \(elsewhere[0])x"), good: ("Makefile", "run:\n\tls ./root")),
        TidyRule(
            name: "a file's name says what is in it", applies: isCode,
            check: { source in
                let name = source.path.split(separator: "/").last ?? ""
                let empty = ["Utils", "Util", "Common", "Helpers", "Helper", "Manager", "Misc", "_placeholder"]
                return empty.filter { name.untilDot.hasSuffix($0) }.map { (0, "\($0) says nothing") }
            },
            bad: ("Sources/A/AudioUtils.swift", ""), good: ("Sources/A/Utilisation.swift", "")),
    ]
}

extension Substring {
    fileprivate var untilDot: Substring { prefix { $0 != "." } }
}
