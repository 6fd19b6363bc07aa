extension RenderOptions {
    /// The options as JSON in their one canonical form, in UTF-8: `{}` when nothing is set.
    ///
    /// The rules are those of ``Cell/canonicalJSON``; what is not set does not appear, so that a cell keeps its key when
    /// options are invented.
    package var canonicalJSON: [UInt8] {
        var json = Array("{".utf8)
        let texts: [(key: String, value: [UInt8]?)] = [
            ("clipSkip", clipSkip.map { Array("\($0)".utf8) }),
            ("emphasis", emphasis.map { Self.string($0.rawValue) }),
            ("emptyNegative", emptyNegative.map { Self.string($0.rawValue) }),
            ("eta", eta.map { Array($0.canonicalText.utf8) }),
            ("guidanceInterval", guidanceInterval.map { Self.string($0.description) }),
            ("guidanceRescale", guidanceRescale.map { Array($0.canonicalText.utf8) }),
            ("loras", loras.map(Self.list)),
            ("noiseSource", noiseSource.map { Self.string($0.rawValue) }),
            ("pixelRounding", pixelRounding.map { Self.string($0.rawValue) }),
            ("predictionType", predictionType.map { Self.string($0.rawValue) }),
            ("profile", profile.map { Self.string($0.rawValue) }),
            ("promptSyntax", promptSyntax.map { Self.string($0.rawValue) }),
            ("timestepRounding", timestepRounding.map { Self.string($0.rawValue) }),
            ("timestepSpacing", timestepSpacing.map { Self.string($0.rawValue) }),
            ("vae", vae.map(Self.string)),
            ("zeroTerminalSNR", zeroTerminalSNR.map { Array("\($0)".utf8) }),
        ]
        for case (let key, let value?) in texts {
            if json.count > 1 { json.append(UInt8(ascii: ",")) }
            json.appendJSONString(key)
            json.append(UInt8(ascii: ":"))
            json += value
        }
        return json + "}".utf8
    }

    private static func string(_ text: String) -> [UInt8] {
        var json: [UInt8] = []
        json.appendJSONString(text)
        return json
    }

    private static func list(_ loras: [LoRA]) -> [UInt8] {
        let entries = loras.map { lora in
            Array(#"{"file":"#.utf8) + string(lora.file) + Array(#","weight":\#(lora.weight.canonicalText)}"#.utf8)
        }
        return Array("[".utf8) + Array(entries.joined(separator: ",".utf8)) + Array("]".utf8)
    }
}
