#!/usr/bin/ruby
# The one-file inetd service in Ruby: answers each line in upper case, until the client leaves.
$stdout.sync = true
puts "hello #{ENV['TCPREMOTEIP']}"
$stdin.each_line { |line| puts line.chomp.upcase }
$stderr.puts 'bye'
