namespace CnnSharp.Data;

/// <summary>The checksum of PNG's chunks (ISO 3309, polynomial 0xEDB88320), eight bytes a round.</summary>
static class Crc32
{
    // Tables[k][b]: what byte b adds when k bytes follow it.
    static readonly uint[][] Tables = MakeTables();

    /// <summary>The checksum of some bytes.</summary>
    /// <param name="bytes">The bytes.</param>
    /// <param name="before">The checksum of what stands before them; default nothing.</param>
    public static uint Of(ReadOnlySpan<byte> bytes, uint before = 0)
    {
        var crc = ~before;
        var t = Tables;
        while (bytes.Length >= 8)
        {
            var low = crc ^ (uint)(bytes[0] | (bytes[1] << 8) | (bytes[2] << 16) | (bytes[3] << 24));
            crc = t[7][low & 255] ^ t[6][(low >> 8) & 255] ^ t[5][(low >> 16) & 255] ^ t[4][low >> 24]
                ^ t[3][bytes[4]] ^ t[2][bytes[5]] ^ t[1][bytes[6]] ^ t[0][bytes[7]];
            bytes = bytes[8..];
        }

        foreach (var b in bytes) crc = t[0][(crc ^ b) & 255] ^ (crc >> 8);
        return ~crc;
    }

    static uint[][] MakeTables()
    {
        var tables = new uint[8][];
        for (var k = 0; k < 8; k++) tables[k] = new uint[256];
        for (var b = 0u; b < 256; b++)
        {
            var crc = b;
            for (var bit = 0; bit < 8; bit++) crc = (crc & 1) != 0 ? (crc >> 1) ^ 0xEDB88320 : crc >> 1;
            tables[0][b] = crc;
        }

        for (var k = 1; k < 8; k++)
            for (var b = 0; b < 256; b++) tables[k][b] = tables[0][tables[k - 1][b] & 255] ^ (tables[k - 1][b] >> 8);
        return tables;
    }
}
