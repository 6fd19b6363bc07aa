import Testing

@testable import Diffusion

@Suite("A safetensors file")
struct SafetensorsFileTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    @Test("gives back the tensors that were stored")
    func reading() throws {
        let header = #"""
             { "__metadata__": {"format":"pt", "note": "\"\\\u00e9\ud83d\ude42\n"},
            "a.b": {"shape":[2,1],"dtype":"F32","data_offsets":[3,11]},"none":{"dtype":"I64","shape":[0,5],"data_offsets":[3,3]},
            "\u0062ytes\t":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}, "one": {"dtype":"I32","shape":[],"data_offsets":[11,15]}}
            """#
        let data: [UInt8] = [7, 8, 9] + [0, 0, 0xC0, 0x3F] + [0, 0, 0, 0xC0] + [0xFE, 0xFF, 0xFF, 0xFF]
        let path = try folder.write(safetensorsBytes(header: header, data: data), to: "model.safetensors")
        let file = try SafetensorsFile(path: path)
        #expect(file.names == ["a.b", "bytes\t", "none", "one"])
        #expect(file.contains("none") && !file.contains("a"))
        #expect(file.shape(of: "a.b") == [2, 1] && file.shape(of: "a") == nil)
        // Three bytes in front make the floats unaligned.
        #expect(try file.floats("a.b", shape: [2, 1]) == [1.5, -2])
        #expect(try file.scalars("bytes\t", shape: [3], as: UInt8.self) == [7, 8, 9])
        #expect(try file.scalars("none", shape: [0, 5], as: Int64.self) == [])
        #expect(try file.int32s("one", shape: []) == [-2])
    }

    @Test("names the tensor, the file and both shapes when something else is asked for than it has")
    func wrongQuestions() throws {
        let path = try folder.write(
            safetensorsBytes([(name: "weight", shape: [2, 3], values: [1, 2, 3, 4, 5, 6])]), to: "model.safetensors")
        let file = try SafetensorsFile(path: path)
        #expect(throws: DiffusionError.missingTensor(name: "bias", path: path)) {
            try file.floats("bias", shape: [2])
        }
        #expect(throws: DiffusionError.wrongShape(name: "weight", path: path, expected: [3, 2], found: [2, 3])) {
            try file.floats("weight", shape: [3, 2])
        }
        #expect(throws: DiffusionError.wrongType(name: "weight", path: path, expected: "I32", found: "F32")) {
            try file.int32s("weight", shape: [2, 3])
        }
    }

    struct Damage: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let bytes: [UInt8]
        let problem: String

        init(_ description: String, _ bytes: [UInt8], _ problem: String) {
            testDescription = description
            self.bytes = bytes
            self.problem = problem
        }

        /// A header with one entry in front of four bytes of data.
        init(_ description: String, entry: String, _ problem: String) {
            self.init(description, header: #"{"a":{\#(entry)}}"#, problem)
        }

        init(_ description: String, header: String, _ problem: String) {
            self.init(description, safetensorsBytes(header: header, data: [0, 0, 0, 0]), problem)
        }
    }

    static let damages = [
        Damage("empty", [], "it has only 0 bytes"),
        Damage("shorter than the length", [1, 2, 3], "it has only 3 bytes"),
        Damage(
            "header of 2^63 bytes", safetensorsBytes(header: "{}", claimedLength: 1 << 63),
            "it claims a header of 9223372036854775808 bytes"),
        Damage(
            "header of 2^64-1 bytes", safetensorsBytes(header: "{}", claimedLength: .max),
            "it claims a header of 18446744073709551615 bytes"),
        Damage(
            "header longer than the file", safetensorsBytes(header: "{}", claimedLength: 3),
            "it claims a header of 3 bytes, but has only 10 bytes in all"),
        Damage(
            "header cut short", safetensorsBytes(header: #"{"a":{"dtype":"F3"#, data: []),
            "its header ends in the middle of a string"),
        Damage("no object", header: "[]", "its header lacks the \"{\" that must stand at byte 0"),
        Damage("no header", header: "", "its header lacks the \"{\" that must stand at byte 0"),
        Damage("text behind the header", header: "{} x", "its header goes on after its end"),
        Damage(
            "deep nesting", header: #"{"a":"# + String(repeating: "[", count: 100_000),
            "its header lacks the \"{\" that must stand at byte 5"),
        Damage(
            "name that is not UTF-8", safetensorsBytes(header: "", claimedLength: 4) + [0x7B, 0x22, 0xFF, 0x22],
            "its header has a name that is not UTF-8"),
        Damage("half a surrogate", header: #"{"\ud800":{}}"#, "its header has half a surrogate pair"),
        Damage("unknown escape", header: #"{"\x":{}}"#, "its header has an unknown escape before byte 4"),
        Damage(
            "unknown dtype", entry: #""dtype":"F4","shape":[1],"data_offsets":[0,4]"#,
            "the tensor \"a\" has the unknown dtype \"F4\""),
        Damage(
            "missing key", entry: #""dtype":"F32","shape":[1]"#,
            "the entry of the tensor \"a\" lacks its dtype, its shape or its two data_offsets"),
        Damage(
            "three offsets", entry: #""dtype":"F32","shape":[1],"data_offsets":[0,4,4]"#,
            "the entry of the tensor \"a\" lacks its dtype, its shape or its two data_offsets"),
        Damage(
            "repeated key", entry: #""dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]"#,
            "the entry of the tensor \"a\" has an unknown or repeated key \"dtype\""),
        Damage(
            "negative dimension", entry: #""dtype":"F32","shape":[-1],"data_offsets":[0,4]"#,
            "its header has something at byte 29 where a whole number of at least 0 must stand"),
        Damage(
            "fraction", entry: #""dtype":"F32","shape":[1.0],"data_offsets":[0,4]"#,
            "its header lacks the \"]\" that must stand at byte 30"),
        Damage(
            "number beyond 64 bits", entry: #""dtype":"F32","shape":[1],"data_offsets":[0,18446744073709551620]"#,
            "its header has a number beyond 64 bits"),
        Damage(
            "overflowing shape", entry: #""dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]"#,
            "the tensor \"a\" has the impossible shape [4294967296, 4294967296]"),
        Damage(
            "offset beyond the file", entry: #""dtype":"F32","shape":[2],"data_offsets":[0,8]"#,
            "the tensor \"a\" claims the bytes 0 to 8 of 4 bytes of data"),
        Damage(
            "offsets backwards", entry: #""dtype":"F32","shape":[1],"data_offsets":[4,0]"#,
            "the tensor \"a\" claims the bytes 4 to 0 of 4 bytes of data"),
        Damage(
            "size that contradicts the shape", entry: #""dtype":"F32","shape":[2],"data_offsets":[0,4]"#,
            "the tensor \"a\" of shape [2] and dtype F32 needs 8 bytes, but has 4"),
        Damage(
            "overlap",
            header:
                #"{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}}"#,
            "the tensor \"b\" overlaps another one at byte 2"),
        Damage(
            "name twice",
            header:
                #"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"a":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}}"#,
            "it holds the tensor \"a\" twice"),
        Damage(
            "hole", entry: #""dtype":"U8","shape":[2],"data_offsets":[2,4]"#,
            "2 bytes of data before \"a\" belong to no tensor"),
        Damage(
            "bytes at the end", entry: #""dtype":"U8","shape":[3],"data_offsets":[0,3]"#,
            "the last 1 bytes of data belong to no tensor"),
        Damage("only metadata", header: #"{"__metadata__":{"a":"b"}}"#, "the last 4 bytes of data belong to no tensor"),
        Damage(
            "metadata that is no text", header: #"{"__metadata__":{"a":1}}"#,
            "its header lacks the \"\"\" that must stand at byte 21"),
    ]

    @Test("that breaks the format is refused with the reason", arguments: damages)
    func hostile(_ damage: Damage) throws {
        let path = try folder.write(damage.bytes, to: "model.safetensors")
        #expect(throws: DiffusionError.invalidWeights(path: path, problem: damage.problem)) {
            try SafetensorsFile(path: path)
        }
    }

    @Test("that is cut anywhere is refused, never a crash")
    func truncation() throws {
        let whole = safetensorsBytes([
            (name: "weight", shape: [2, 2], values: [1, 2, 3, 4]), (name: "bias", shape: [2], values: [5, 6]),
        ])
        for count in 0..<whole.count {
            let path = try folder.write(whole.prefix(count), to: "model.safetensors")
            #expect(throws: DiffusionError.self, "cut to \(count) bytes") { try SafetensorsFile(path: path) }
        }
    }

    @Test("of a hundred thousand tensors opens in time", .timeLimit(.minutes(1)))
    func manyTensors() throws {
        let count = 100_000
        let entries = (0..<count).map {
            #""block.\#($0).weight":{"dtype":"U8","shape":[1],"data_offsets":[\#($0),\#($0 + 1)]}"#
        }
        let header = "{" + entries.joined(separator: ",") + "}"
        let path = try folder.write(
            safetensorsBytes(header: header, data: Array(repeating: 7, count: count)), to: "model.safetensors")
        let begin = ContinuousClock.now
        let file = try SafetensorsFile(path: path)
        #expect(file.names.count == count)
        // Measured: see the message of a failure. A check of every pair would take minutes.
        #expect(ContinuousClock.now - begin < .seconds(10))
    }

    @Test("that does not exist, or is a folder, is named")
    func missing() throws {
        let path = "\(folder.path)/nowhere.safetensors"
        #expect(throws: DiffusionError.missingFile(path: path, remedy: "check the model's path")) {
            try SafetensorsFile(path: path)
        }
        #expect(throws: DiffusionError.unreadableFile(path: folder.path, reason: "it is not a regular file")) {
            try SafetensorsFile(path: folder.path)
        }
    }

    @Test("in half precision is widened exactly, for every one of the 65,536 patterns")
    func float16() throws {
        let patterns = UInt16.min...UInt16.max
        let header = #"{"all":{"dtype":"F16","shape":[65536],"data_offsets":[0,131072]}}"#
        let data = patterns.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] }
        let path = try folder.write(safetensorsBytes(header: header, data: data), to: "model.safetensors")
        for (pattern, value) in zip(patterns, try SafetensorsFile(path: path).floats("all", shape: [65536])) {
            let expected = Float(Float16(bitPattern: pattern))
            #expect(value.bitPattern == expected.bitPattern || (value.isNaN && expected.isNaN))
        }
    }

    @Test("in half precision or bfloat16 reads as floats")
    func narrowTypes() throws {
        let header = """
            {"half":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},"brain":{"dtype":"BF16","shape":[2],"data_offsets":[4,8]}}
            """
        let data: [UInt8] = [0x00, 0x3C, 0x01, 0x80] + [0xC0, 0x3F, 0x80, 0xFF]
        let path = try folder.write(safetensorsBytes(header: header, data: data), to: "model.safetensors")
        let file = try SafetensorsFile(path: path)
        #expect(try file.floats("half", shape: [2]) == [1, -0x1p-24])
        #expect(try file.floats("brain", shape: [2]) == [1.5, -.infinity])
    }
}
