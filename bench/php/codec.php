<?php

declare(strict_types=1);

// Measures the client's codec: `php codec.php CASE SECONDS` prints operations and CPU as JSON. HAWSER_CODEC=php takes the
// codec in PHP. The frames are those of bench/src/micro/codec.ts.

use Hawser\Internal\Wire\Codecs;
use Hawser\Internal\Wire\FrameEncoder;
use Hawser\Internal\Wire\FrameReader;
use HawserBench\NullSink;

require __DIR__ . '/vendor/autoload.php';

[, $case, $seconds] = $argv;
$encoder = new FrameEncoder(Codecs::default());
$operation = match ($case) {
    'encode REQUEST' => static fn() => $encoder->request(
        1,
        true,
        30_000,
        'GET',
        'https://api.example.com/v1/orders/42?expand=lines',
        ['accept', 'application/json', 'authorization', 'Bearer 0123456789abcdef', 'user-agent', 'application/1.0'],
        null,
    ),
    'decode RESPONSE' => decodeResponse(),
    default => throw new InvalidArgumentException("case is '{$case}'; allowed: encode REQUEST, decode RESPONSE"),
};
run($operation, (float) $seconds / 2);
$before = getrusage();
$startedAt = hrtime(true);
$operations = run($operation, (float) $seconds);
$wallMs = (hrtime(true) - $startedAt) / 1e6;
$after = getrusage();
$cpuUs = 0;
foreach (['ru_utime', 'ru_stime'] as $part) {
    $cpuUs += ($after["{$part}.tv_sec"] - $before["{$part}.tv_sec"]) * 1_000_000 + $after["{$part}.tv_usec"] - $before["{$part}.tv_usec"];
}
echo json_encode(compact('operations', 'wallMs', 'cpuUs'), JSON_THROW_ON_ERROR), "\n";

function decodeResponse(): Closure
{
    $reader = new FrameReader(Codecs::default());
    $sink = new NullSink();
    $str = FrameEncoder::str(...);
    $fields = ['server', 'nginx', 'date', 'Wed, 25 Nov 2026 12:00:00 GMT', 'content-type', 'application/json'];
    $facts = [$str('h2'), $str('reused'), "\x01", $str(''), "\x0C", "\xFF", "\xCC\xD6", "\xCD\x01\x04", $str('192.0.2.1:443')];
    $frame = "\x97\x04\x01\x01\xCC\xC8" . "\x96" . implode('', array_map($str, $fields))
        . FrameEncoder::bin(str_repeat('x', 512)) . "\x99" . implode('', $facts);
    $bytes = pack('N', strlen($frame)) . $frame;
    $reader->feed($bytes, $sink);
    if ($sink->responses !== 1) {
        throw new LogicException('the frame was not taken for a RESPONSE');
    }

    return static fn() => $reader->feed($bytes, $sink);
}

function run(Closure $operation, float $seconds): int
{
    $until = hrtime(true) + (int) ($seconds * 1e9);
    $count = 0;
    do {
        for ($i = 0; $i < 1000; $i++) {
            $operation();
        }
        $count += 1000;
    } while (hrtime(true) < $until);

    return $count;
}
