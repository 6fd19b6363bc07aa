import Foundation
import PNG
import SharedModel
import Testing

@testable import Coordinator

struct ExportTests {
    private static func fixture(prompts: [String] = ["a \"red\" circle, big"]) async throws -> GridFixture {
        var grid = HandmadeGrid(prompts: prompts, styles: ["none"], guidance: [5, 5.5, 18])
        grid.seeds = [.max]
        return try await GridFixture(grid) { row in
            switch row.position {
            case 0: .done(try .plain(0x336699))
            case 1: .failed("It was too hard.")
            default: .pending
            }
        }
    }

    private static func text(
        _ export: (SweepReader, (Data) throws -> Void) throws -> Void, _ reader: SweepReader
    ) throws -> String {
        var data = Data()
        try export(reader) { data.append($0) }
        return try #require(String(data: data, encoding: .utf8))
    }

    @Test("a JSON line holds every key of a position, its image inside the directory, and null for what is unknown")
    func jsonLines() async throws {
        let fixture = try await Self.fixture()
        let lines = try Self.text(Export.jsonl, fixture.reader).split(separator: "\n", omittingEmptySubsequences: false)
        let sha256 = GridFixture.hexadecimal(0xF00, digits: 64)
        let common = #""prompt":"a \"red\" circle, big","reading":null,"sampler":"euler","seed":18446744073709551615"#
        try #require(lines.count == 4)
        #expect(
            lines[0] == """
                {"attempts":1,"cell":"\(GridFixture.hexadecimal(0, digits: 64))","guidance":5,"height":32,\
                "image":"images/00/\(sha256).png","measures":null,"note":null,"position":0,\(common),\
                "sha256":"\(sha256)","state":"done","steps":20,"style":"none","tags":[],\
                "timings":{"decode":0.25,"denoise":2,"encode":0.5,"png":0.125,"total":3,"upload":0.125},\
                "verdict":null,"width":48,"worker":"worker, \\"one\\""}
                """)
        #expect(
            lines[1] == """
                {"attempts":1,"cell":"\(GridFixture.hexadecimal(1, digits: 64))","guidance":5.5,"height":32,\
                "image":null,"measures":null,"note":null,"position":1,\(common),"sha256":null,"state":"failed","steps":20,"style":"none","tags":[],\
                "timings":null,"verdict":null,"width":48,"worker":null}
                """)
        #expect(lines[2].contains(#""guidance":18,"#) && lines[2].contains(#""state":"pending""#))
        #expect(lines[3] == "")
    }

    @Test("a CSV file has a header, CR LF line ends, quoted texts, exact guidance and empty fields for what is unknown")
    func csv() async throws {
        let fixture = try await Self.fixture()
        let sha256 = GridFixture.hexadecimal(0xF00, digits: 64)
        let keys = (0..<3).map { GridFixture.hexadecimal($0, digits: 64) }
        let prompt = #""a ""red"" circle, big""#
        #expect(
            try Self.text(Export.csv, fixture.reader)
                == [
                    "position,prompt,style,guidance,seed,steps,sampler,width,height,cell,state,image,sha256,worker,"
                        + "attempts,verdict,tags,note,contrast,sharpness,highlights,shadows,saturation,letters,text,encode,denoise,decode,png,upload,total,"
                        + "options",
                    "0,\(prompt),none,5,18446744073709551615,20,euler,48,32,\(keys[0]),done,images/00/\(sha256).png,"
                        + "\(sha256),\"worker, \"\"one\"\"\",1,,,,,,,,,,,0.5,2.0,0.25,0.125,0.125,3.0,",
                    "1,\(prompt),none,5.5,18446744073709551615,20,euler,48,32,\(keys[1]),failed,,,,1,,,,,,,,,,,,,,,,,",
                    "2,\(prompt),none,18,18446744073709551615,20,euler,48,32,\(keys[2]),pending,,,,0,,,,,,,,,,,,,,,,,",
                    "",
                ].joined(separator: "\r\n"))
    }

    @Test(
        "a CSV field is quoted when it holds what separates fields or lines",
        arguments: [
            ("plain", "plain"), ("", ""), ("ünï · 数学", "ünï · 数学"), ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("two\nlines", "\"two\nlines\""), ("two\r\nlines", "\"two\r\nlines\""), ("old\rmac", "\"old\rmac\""),
            (" kept ", "\" kept \""), ("hidden,\u{301}", "\"hidden,\u{301}\""), ("\"\u{301}", "\"\"\"\u{301}\""),
        ])
    func quoting(field: String, written: String) {
        #expect(CSVRecord([field, "x"]).line == written + ",x\r\n")
    }

    @Test("a long export leaves in pieces, and ends when they can't be written")
    func pieces() async throws {
        let prompts = (0..<200).map { "\($0) " + String(repeating: "long ", count: 200) }
        let fixture = try await GridFixture(HandmadeGrid(prompts: prompts, styles: ["none"], guidance: [7])) { _ in
            .leased
        }
        var sizes: [Int] = []
        try Export.csv(fixture.reader) { sizes.append($0.count) }
        #expect(sizes.count > 2)
        #expect(sizes.allSatisfy { $0 < 128 * 1024 })
        struct Full: Error {}
        var calls = 0
        #expect(throws: Full.self) {
            try Export.jsonl(fixture.reader) { _ in
                calls += 1
                throw Full()
            }
        }
        #expect(calls == 1)
    }
}
