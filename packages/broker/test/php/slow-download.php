<?php

declare(strict_types=1);

// Downloads a large body slowly, and in the middle of it sends a small request on the same socket.
// Prints a line per step: `at BYTES`, `small MS`, `done BYTES SHA256`. Arguments: URL of the body, URL of the small answer.

require __DIR__ . '/../../../../php-client/vendor/autoload.php';

[, $largeUrl, $smallUrl] = $argv;
$client = new Hawser\Client();
$large = $client->request('GET', $largeUrl, ['stream' => true, 'timeoutMs' => 55_000]);
$hash = hash_init('sha256');
$bytes = 0;
$nextReport = 0;
while (($chunk = $large->read(64 * 1024)) !== '') {
    hash_update($hash, $chunk);
    $bytes += strlen($chunk);
    if ($bytes < $nextReport) {
        continue;
    }
    $nextReport = $bytes + 4 * 1024 * 1024;
    fwrite(STDOUT, "at {$bytes}\n");
    if (intdiv($bytes, 1024 * 1024) % 16 === 0) {
        $sentAt = hrtime(true);
        $status = $client->request('GET', $smallUrl, ['timeoutMs' => 5_000])->status();
        fwrite(STDOUT, sprintf("small %d %.3f\n", $status, (hrtime(true) - $sentAt) / 1e6));
    }
    // The test says when to go on: while it looks at the origin, nothing is read here.
    fgets(STDIN);
}
fwrite(STDOUT, "done {$bytes} " . hash_final($hash) . "\n");
