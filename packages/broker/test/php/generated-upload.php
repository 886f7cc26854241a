<?php

declare(strict_types=1);

// Uploads a generated body, telling how far it is. Prints `at BYTES` lines and at last `done` with the origin's answer.
// Arguments: URL, size in bytes.

require __DIR__ . '/../../../../php-client/vendor/autoload.php';

[, $url, $size] = $argv;
$hash = hash_init('sha256');
$body = (static function () use ($size, $hash): Generator {
    $sent = 0;
    $nextReport = 0;
    while ($sent < (int) $size) {
        $chunk = str_repeat(chr(intdiv($sent, 65536) % 256), min(65536, (int) $size - $sent));
        hash_update($hash, $chunk);
        $sent += strlen($chunk);
        yield $chunk;
        if ($sent >= $nextReport) {
            $nextReport += 4 * 1024 * 1024;
            fwrite(STDOUT, "at {$sent}\n");
        }
    }
})();
$response = (new Hawser\Client())->request('POST', $url, ['body' => $body, 'timeoutMs' => 55_000]);
fwrite(STDOUT, 'done ' . hash_final($hash) . ' ' . $response->body() . "\n");
