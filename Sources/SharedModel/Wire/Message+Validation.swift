import Foundation

/// The bounds of every field, so that no number or text from the wire reaches arithmetic, a file or a log unchecked.
private struct FieldCheck {
    let frame: String

    func require(_ condition: Bool, _ field: String, _ bounds: @autoclosure () -> String) throws(WireError) {
        guard condition else { throw .outOfBounds(frame: frame, field: field, bounds: bounds()) }
    }

    func integer(_ value: Int, _ field: String, in range: ClosedRange<Int>) throws(WireError) {
        try require(range.contains(value), field, "\(range.lowerBound) to \(range.upperBound)")
    }

    func seconds(_ value: Double, _ field: String) throws(WireError) {
        // A NaN is in no range.
        try require((0...WireLimits.seconds).contains(value), field, "0 to \(Int(WireLimits.seconds)) seconds")
    }

    func hexadecimal(_ value: String, _ field: String, digits: Int) throws(WireError) {
        try require(
            Hexadecimal.isLowercase(value, digits: digits), field, "\(digits) lower-case hexadecimal digits")
    }

    func line(_ value: String, _ field: String, shortest: Int = 0, longest: Int) throws(WireError) {
        try require(
            value.utf8.count >= shortest && WireText.isPrintable(value, longest: longest), field,
            "\(shortest) to \(longest) bytes of printable UTF-8")
    }

    func options(_ options: RenderOptions) throws(WireError) {
        let field = "cell.options"
        if let skip = options.clipSkip {
            let bounds = RenderOptions.clipSkipBounds
            try integer(skip, field, in: bounds)
        }
        for share in [options.eta, options.guidanceRescale].compactMap(\.self) {
            try require(share.isFinite && (0...1).contains(share), field, "a share from 0 to 1")
        }
        let loras = options.loras ?? []
        try require(loras.count <= RenderOptions.maximumLoRAs, field, "at most \(RenderOptions.maximumLoRAs) LoRAs")
        for lora in loras {
            let bounds = RenderOptions.weightBounds
            try hexadecimal(lora.file, field, digits: 64)
            try require(
                lora.weight.isFinite && lora.weight >= Decimal(bounds.lowerBound)
                    && lora.weight <= Decimal(bounds.upperBound), field,
                "a weight from \(bounds.lowerBound) to \(bounds.upperBound)")
        }
        if let vae = options.vae { try hexadecimal(vae, field, digits: 64) }
    }

    func ability(_ able: Ability) throws(WireError) {
        if let memory = able.memory { try integer(memory, "able.memory", in: 0...WireLimits.memoryBytes) }
        if let precision = able.precision { try line(precision, "able.precision", longest: WireLimits.nameBytes) }
        let families = able.families ?? []
        try require(
            families.count <= WireLimits.families, "able.families", "at most \(WireLimits.families)")
        for family in families { try line(family, "able.families", longest: WireLimits.nameBytes) }
        for model in able.models ?? [] { try hexadecimal(model, "able.models", digits: 64) }
    }

    func text(_ value: String, _ field: String) throws(WireError) {
        try require(
            value.utf8.count <= WireLimits.promptBytes, field, "at most \(WireLimits.promptBytes) bytes of UTF-8")
    }
}

extension Hello: WirePayload {
    func validate() throws(WireError) {
        let check = FieldCheck(frame: "hello")
        try check.integer(version, "version", in: 0...Int(UInt16.max))
        try check.line(secret, "secret", longest: WireLimits.nameBytes)
        try check.line(name, "name", shortest: 1, longest: WireLimits.nameBytes)
        try check.hexadecimal(identity, "identity", digits: 32)
        if let life { try check.hexadecimal(life, "life", digits: 32) }
        try check.line(device, "device", longest: WireLimits.deviceBytes)
        try check.line(program, "program", longest: WireLimits.nameBytes)
        try check.require(leases.count <= WireLimits.leases, "leases", "at most \(WireLimits.leases)")
        if let able { try check.ability(able) }
    }
}

extension Inquire: WirePayload {
    func validate() throws(WireError) {
        let check = FieldCheck(frame: "inquire")
        try check.integer(version, "version", in: 0...Int(UInt16.max))
        try check.line(secret, "secret", longest: WireLimits.nameBytes)
    }
}

extension Claim: WirePayload {
    func validate() throws(WireError) {}
}

extension Beat: WirePayload {
    func validate() throws(WireError) {
        let check = FieldCheck(frame: "beat")
        try check.integer(steps, "steps", in: 0...WireLimits.steps)
        try check.integer(step, "step", in: 0...steps)
    }
}

extension Offer: WirePayload {
    func validate() throws(WireError) {
        let check = FieldCheck(frame: "offer")
        try check.hexadecimal(sha256, "sha256", digits: 64)
        try check.integer(bytes, "bytes", in: 1...WireLimits.imageBytes)
        try check.seconds(timings.encode, "timings.encode")
        try check.seconds(timings.denoise, "timings.denoise")
        try check.seconds(timings.decode, "timings.decode")
        try check.seconds(timings.png, "timings.png")
    }
}

extension Fail: WirePayload {
    func validate() throws(WireError) {
        try FieldCheck(frame: "fail").line(reason, "reason", longest: WireLimits.reasonBytes)
    }
}

extension Release: WirePayload {
    func validate() throws(WireError) {
        guard let unable else { return }
        try FieldCheck(frame: "release").line(unable, "unable", longest: WireLimits.reasonBytes)
    }
}

extension Want: WirePayload {
    func validate() throws(WireError) {
        try FieldCheck(frame: "want").hexadecimal(fingerprint, "fingerprint", digits: 64)
    }
}

extension Fetch: WirePayload {
    func validate() throws(WireError) {
        let check = FieldCheck(frame: "fetch")
        try check.hexadecimal(fingerprint, "fingerprint", digits: 64)
        try check.hexadecimal(sha256, "sha256", digits: 64)
        try check.integer(offset, "offset", in: 0...WireLimits.modelFileBytes)
    }
}

extension Welcome: WirePayload {
    func validate() throws(WireError) {
        let check = FieldCheck(frame: "welcome")
        try check.integer(version, "version", in: 0...Int(UInt16.max))
        try check.line(program, "program", longest: WireLimits.nameBytes)
        try check.line(sweep, "sweep", longest: WireLimits.reasonBytes)
        try check.line(name, "name", shortest: 1, longest: WireLimits.nameBytes)
        try check.seconds(heartbeatSeconds, "heartbeatSeconds")
        try check.require(heartbeatSeconds > 0, "heartbeatSeconds", "more than 0")
        try check.require(leases.count <= WireLimits.leases, "leases", "at most \(WireLimits.leases)")
    }
}

extension Refused: WirePayload {
    func validate() throws(WireError) {
        try FieldCheck(frame: "refused").line(reason, "reason", longest: WireLimits.reasonBytes)
    }
}

extension Grant: WirePayload {
    func validate() throws(WireError) {
        let check = FieldCheck(frame: "grant")
        try check.require(shard >= 0, "shard", "0 or more")
        try check.text(model, "model")
        try check.integer(cells.count, "number of cells", in: 1...WireLimits.grantedCells)
        if let preview {
            try check.text(preview.name, "preview.name")
            try check.hexadecimal(preview.fingerprint, "preview.fingerprint", digits: 64)
        }
        for granted in cells {
            let cell = granted.cell
            try check.require(granted.position >= 0, "cell.position", "0 or more")
            try check.hexadecimal(cell.fingerprint, "cell.fingerprint", digits: 64)
            try check.require(cell.guidance.isFinite, "cell.guidance", "a number")
            try check.text(cell.prompt, "cell.prompt")
            try check.text(cell.negativePrompt, "cell.negativePrompt")
            try check.text(granted.rawPrompt, "cell.rawPrompt")
            try check.text(granted.rawNegativePrompt, "cell.rawNegativePrompt")
            try check.text(granted.style, "cell.style")
            try check.options(cell.options)
            try check.require(
                granted.files.count <= RenderOptions.maximumLoRAs + 1, "cell.files",
                "at most \(RenderOptions.maximumLoRAs + 1) names")
            for (fingerprint, name) in granted.files {
                try check.hexadecimal(fingerprint, "cell.files", digits: 64)
                try check.text(name, "cell.files")
            }
            try check.integer(cell.steps, "cell.steps", in: 1...WireLimits.steps)
            for (side, field) in [(cell.width, "cell.width"), (cell.height, "cell.height")] {
                try check.require(
                    (8...WireLimits.imageSide).contains(side) && side.isMultiple(of: 8), field,
                    "a multiple of 8, 8 to \(WireLimits.imageSide)")
            }
        }
    }
}

extension Idle: WirePayload {
    func validate() throws(WireError) {
        let check = FieldCheck(frame: "idle")
        try check.line(reason, "reason", longest: WireLimits.reasonBytes)
        try check.seconds(retrySeconds, "retrySeconds")
    }
}

extension BeatReply: WirePayload {
    func validate() throws(WireError) {
        try FieldCheck(frame: "beatReply").require(
            lost.count <= WireLimits.leases, "lost", "at most \(WireLimits.leases) leases")
    }
}

extension Send: WirePayload {
    func validate() throws(WireError) {
        try FieldCheck(frame: "send").integer(offset, "offset", in: 0...WireLimits.imageBytes)
    }
}

extension ModelOffer: WirePayload {
    func validate() throws(WireError) {
        let check = FieldCheck(frame: "model")
        try check.hexadecimal(fingerprint, "fingerprint", digits: 64)
        try check.line(reason, "reason", longest: WireLimits.reasonBytes)
        try check.require(files.count <= WireLimits.modelFiles, "files", "at most \(WireLimits.modelFiles)")
        for file in files {
            try check.line(file.name, "files.name", shortest: 1, longest: WireLimits.reasonBytes)
            try check.hexadecimal(file.sha256, "files.sha256", digits: 64)
            try check.integer(file.bytes, "files.bytes", in: 0...WireLimits.modelFileBytes)
        }
    }
}

extension Ack: WirePayload {
    func validate() throws(WireError) {
        try FieldCheck(frame: "ack").line(reason, "reason", longest: WireLimits.reasonBytes)
    }
}

extension Drain: WirePayload {
    func validate() throws(WireError) {
        try FieldCheck(frame: "drain").line(reason, "reason", longest: WireLimits.reasonBytes)
    }
}

extension SweepStatus: WirePayload {
    func validate() throws(WireError) {
        let check = FieldCheck(frame: "report")
        for (count, field) in [
            (positions, "positions"), (cells, "cells"), (done, "done"), (failed, "failed"), (leased, "leased"),
            (pending, "pending"), (prioritised ?? 0, "prioritised"),
        ] {
            try check.integer(count, field, in: 0...WireLimits.positions)
        }
        // They end on people's terminals.
        let notes = [sweep, message ?? ""] + workers.flatMap { [$0.name, $0.device, $0.note ?? ""] }
        for text in notes + failures.map(\.reason) {
            let isPlain = text.unicodeScalars.allSatisfy { $0 == "\n" || $0.properties.generalCategory != .control }
            try check.require(isPlain, "text", "without control characters")
        }
    }
}
