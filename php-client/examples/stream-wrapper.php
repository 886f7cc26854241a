<?php

declare(strict_types=1);

// Code that reads URLs with PHP's own functions, unchanged but for one line.

require $_composer_autoload_path ?? __DIR__ . '/../vendor/autoload.php';

Hawser\StreamWrapper::register();

$stream = fopen('https://api.example.com/v1/export', 'r');
if ($stream === false) {
    exit(1);
}
$bytes = 0;
while (!feof($stream)) {
    $bytes += strlen((string) fread($stream, 8192));
}
fclose($stream);

echo $bytes > 0 ? "read\n" : "nothing came\n";
